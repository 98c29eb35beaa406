# SPDX-License-Identifier: Apache-2.0
#
# What `make check` needs built. tests/check.sh runs it.

include tests/unit/rules.mk
include tests/hostile/rules.mk
include tests/fault/rules.mk
include tests/library/rules.mk
include tests/fuzz/rules.mk
include tests/helpers/rules.mk
include tests/differential/rules.mk
include tests/worker/rules.mk
include tests/client/rules.mk
include tests/server/rules.mk
include tests/bench/rules.mk
include tests/manifest/rules.mk

# Clean under the other compiler too; nothing is linked.
$(eval $(call variant,clang,clang $(CFLAGS)))
CLANG_OBJECTS := $(sort $(call objects,clang,$(KVICK_SOURCES) $(CLIENT_SOURCES) $(SERVER_SOURCES) $(WORKER_SOURCES) \
	$(BENCH_SOURCES) $(TEST_SOURCES) $(MEASURE_SHARED) tests/server/fake_worker.c $(wildcard control/library/*.c)))

.PHONY: check-build
check-build: all perf-build hostile-build differential-build fault-build helpers library-tests worker-tests server-test-build \
	client-build bench-build manifest-build $(UNIT_TESTS) $(FUZZ_TARGETS) $(CLANG_OBJECTS)
