# SPDX-License-Identifier: Apache-2.0
# kvick-test: `kvick test`.

TEST_SOURCES := $(wildcard control/test/*.c)

$(BUILD)/kvick-test: $(call objects,measure,$(TEST_SOURCES) $(MEASURE_SHARED))
	$(MEASURE_LINK) -o $@ $^ -ljansson -lpcre2-8 -lm
