# SPDX-License-Identifier: Apache-2.0
# Unit tests: one program a module, all of kvick but its commands linked in, with sanitizers and fault injection.

UNIT_CFLAGS := -std=gnu17 $(WARNINGS) -DKVICK_FAULT_INJECTION -g -O1 -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined

$(eval $(call variant,asan,$(CC) $(UNIT_CFLAGS)))

UNIT_SOURCES := $(wildcard tests/unit/test_*.c)
UNIT_TESTS := $(UNIT_SOURCES:tests/unit/%.c=$(BUILD)/unit/%)
UNIT_LIBRARY := $(call objects,asan,$(VMM_SOURCES) $(LOADER_SOURCES) \
	$(filter-out control/main.c control/cmd_%.c,$(CONTROL_SOURCES)))

# Kept: make would take the objects of the tests for passing things and delete them.
.SECONDARY: $(call objects,asan,$(UNIT_SOURCES) tests/unit/elf_builder.c)

$(BUILD)/unit/test_%: $(BUILD)/asan/tests/unit/test_%.c.o $(UNIT_LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) $(UNIT_LDFLAGS) -o $@ $^ -lcmocka

$(filter $(BUILD)/unit/test_loader%,$(UNIT_TESTS)): $(call objects,asan,tests/unit/elf_builder.c)

# The tests that bring a KVM of their own (test_machine.h): ioctl() goes to them.
$(addprefix $(BUILD)/unit/test_,cpu cpuconfig crash hypercalls update_pgtable): UNIT_LDFLAGS := -Wl,--wrap=sys_ioctl
