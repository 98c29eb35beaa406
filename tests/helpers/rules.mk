# SPDX-License-Identifier: Apache-2.0
#
# What runs beside kvick in the cases of run-cases.sh: static, so that it runs in the nested machine too.

HELPERS := $(patsubst tests/helpers/%.c,$(BUILD)/helpers/%,$(wildcard tests/helpers/*.c))

$(filter-out %/reuse,$(HELPERS)): $(BUILD)/helpers/%: tests/helpers/%.c tests/helpers/rules.mk
	@mkdir -p $(@D)
	$(MUSL_CC) -std=gnu17 -O1 $(WARNINGS) -D_GNU_SOURCE -static -s $(SYSTEM_INCLUDES) -o $@ $<

# It uses machines by libkvick, for glibc.
$(BUILD)/helpers/reuse: tests/helpers/reuse.c $(BUILD)/libkvick.a tests/helpers/rules.mk
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -std=gnu17 -O1 $(WARNINGS) -static -s -o $@ $< $(BUILD)/libkvick.a

.PHONY: helpers
helpers: $(HELPERS)
