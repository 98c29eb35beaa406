# SPDX-License-Identifier: Apache-2.0
#
# What the tests of `kvick bench` need built.

# Outputs of results that were made up.
$(BUILD)/bench/made_up: $(call objects,measure,tests/bench/made_up.c tests/unit/bench_fixture.c $(BENCH_OUTPUTS))
	@mkdir -p $(@D)
	$(CC) $(MEASURE_CFLAGS) -o $@ $^ -ljansson -lm

.PHONY: bench-build
bench-build: $(BUILD)/bench/made_up
