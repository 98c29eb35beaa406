# SPDX-License-Identifier: Apache-2.0
#
# What runs beside kvick in the cases of run-cases.sh: static, so that it runs in the nested machine too.

HELPERS := $(patsubst tests/helpers/%.c,$(BUILD)/helpers/%,$(wildcard tests/helpers/*.c))

$(HELPERS): $(BUILD)/helpers/%: tests/helpers/%.c tests/helpers/rules.mk
	@mkdir -p $(@D)
	$(MUSL_CC) -std=gnu17 -O1 $(WARNINGS) -D_GNU_SOURCE -static -s $(SYSTEM_INCLUDES) -o $@ $<

.PHONY: helpers
helpers: $(HELPERS)
