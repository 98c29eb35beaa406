# SPDX-License-Identifier: Apache-2.0
#
# `kvick test` as a whole, with sanitizers; beside it what it looks for beside itself.

MANIFEST_TEST_CFLAGS := -std=gnu17 -g -O1 $(WARNINGS) -fsanitize=address,undefined -fno-sanitize-recover=undefined

$(eval $(call variant,manifest,$(CC) $(MANIFEST_TEST_CFLAGS)))

$(BUILD)/manifest/kvick-test: $(call objects,manifest,$(TEST_SOURCES) $(MEASURE_SHARED))
	$(CC) $(MANIFEST_TEST_CFLAGS) -o $@ $^ -ljansson -lpcre2-8 -lm

$(BUILD)/manifest/kvick $(BUILD)/manifest/kvick-floor: $(BUILD)/manifest/%: $(BUILD)/%
	@mkdir -p $(@D)
	ln -sf ../$* $@

.PHONY: manifest-build
manifest-build: $(addprefix $(BUILD)/manifest/,kvick-test kvick kvick-floor) $(BUILD)/kvick-test guests
