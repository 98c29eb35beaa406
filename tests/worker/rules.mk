# SPDX-License-Identifier: Apache-2.0
#
# Tests of the worker. A part of the top Makefile, after control/worker/rules.mk.
#
# Out: worker-tests   what tests/worker/run.sh needs

# Without sanitizers: they call the kernel for more than the jail allows.
$(BUILD)/worker/test_jail: $(call objects,worker,tests/worker/test_jail.c $(wildcard control/worker/jail*.c) vmm/error.c)
	@mkdir -p $(@D)
	$(CC) $(WORKER_CFLAGS) -o $@ $^ -lcmocka

.PHONY: worker-tests
worker-tests: $(BUILD)/worker/test_jail $(BUILD)/kvick-worker guests hostile-build
