# SPDX-License-Identifier: Apache-2.0
# kvick-bench: `kvick bench`.

BENCH_SOURCES := $(wildcard control/bench/*.c)

$(BUILD)/kvick-bench: $(call objects,measure,$(BENCH_SOURCES) $(MEASURE_SHARED)) $(BUILD)/libkvick.a
	$(MEASURE_LINK) -o $@ $^ -ljansson -lm
