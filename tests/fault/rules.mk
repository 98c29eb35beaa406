# SPDX-License-Identifier: Apache-2.0
#
# Builds of kvick in which a test can make any system call fail (vmm/sys.c). A part of the top
# Makefile, after tests/unit/rules.mk, whose sanitized objects it links.
#
# Out: $(BUILD)/fault/kvick        glibc, with the address and undefined-behaviour sanitizers
#      $(BUILD)/fault/kvick-musl   as the real one is built: small and quick, and at home in the sandbox

$(eval $(call variant,fault,$(MUSL_CC) $(CFLAGS) $(SYSTEM_INCLUDES) -DKVICK_FAULT_INJECTION))

$(BUILD)/fault/kvick: $(call objects,asan,$(KVICK_SOURCES))
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -o $@ $^ $(LIBURING)

$(BUILD)/fault/kvick-musl: $(call objects,fault,$(KVICK_SOURCES))
	@mkdir -p $(@D)
	$(MUSL_CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBURING)

.PHONY: fault-build
fault-build: $(BUILD)/fault/kvick $(BUILD)/fault/kvick-musl
