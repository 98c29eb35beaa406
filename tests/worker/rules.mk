# SPDX-License-Identifier: Apache-2.0
#
# Tests of the worker. A part of the top Makefile, after control/worker/rules.mk and tests/unit/rules.mk.
#
# Out: worker-tests   what tests/worker/run.sh needs

# Without sanitizers: they call the kernel for more than the jail allows.
$(BUILD)/worker/test_jail: $(call objects,worker,tests/worker/test_jail.c $(wildcard control/worker/jail*.c) vmm/error.c)
	@mkdir -p $(@D)
	$(CC) $(WORKER_CFLAGS) -o $@ $^ -lcmocka

# With them, for --no-sandbox: what is out of bounds, and what threads share.
$(BUILD)/worker/kvick-worker-asan: $(call objects,asan,$(WORKER_SOURCES) $(WORKER_SHARED))
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -o $@ $^ $(LIBURING)

$(BUILD)/worker/kvick-worker-tsan: $(call objects,tsan,$(WORKER_SOURCES) $(WORKER_SHARED))
	@mkdir -p $(@D)
	$(CC) $(TSAN_CFLAGS) -o $@ $^ $(LIBURING)

.PHONY: worker-tests
worker-tests: $(BUILD)/kvick-worker $(addprefix $(BUILD)/worker/,test_jail kvick-worker-asan kvick-worker-tsan) guests hostile-build
