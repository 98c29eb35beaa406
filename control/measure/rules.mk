# SPDX-License-Identifier: Apache-2.0
# What kvick-bench and kvick-test have in common.
#
# Out: $(BUILD)/kvick-floor, which both measure by; MEASURE_SHARED, which both are linked with

MEASURE_SHARED := $(wildcard control/measure/*.c) control/commands.c control/options.c control/units.c vmm/error.c
MEASURE_CFLAGS := -std=gnu17 -O2 -g $(WARNINGS) -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
$(eval $(call variant,measure,$(CC) $(MEASURE_CFLAGS)))

# Static: they run in a small machine, too, that has no libraries.
MEASURE_LINK = $(CC) $(MEASURE_CFLAGS) -static-pie -Wl,-z,relro,-z,now -s

$(BUILD)/kvick-floor: $(BUILD)/perf/floor
	cp $< $@
