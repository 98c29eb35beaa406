# SPDX-License-Identifier: Apache-2.0
#
# The differential test's guest. A part of the top Makefile, after guests/rules.mk.
#
# Out: differential-build   BUILD/differential/sequences.elf, the guest; sequences.S, the text of what it runs

DIFFERENTIAL_OUT := $(BUILD)/differential
DIFFERENTIAL_SEEDS := 16
DIFFERENTIAL_COUNT := 512
# Only these kinds of instructions, separated by commas; empty: all.
DIFFERENTIAL_KINDS :=
DIFFERENTIAL_OBJECTS := $(addprefix $(DIFFERENTIAL_OUT)/,main.o machine.o entry.o sequences.o)

$(DIFFERENTIAL_OUT)/generate: $(wildcard tests/differential/*kinds*.[ch]) \
		$(addprefix tests/differential/,generate.c generate.h operands.c operands.h differential.h)
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -Wall -Wextra -Werror -o $@ $(filter %.c,$^)

$(DIFFERENTIAL_OUT)/sequences.S: $(DIFFERENTIAL_OUT)/generate tests/differential/rules.mk
	$< $(DIFFERENTIAL_SEEDS) $(DIFFERENTIAL_COUNT) $(DIFFERENTIAL_KINDS) > $@.new && mv $@.new $@

$(DIFFERENTIAL_OUT)/sequences.o: $(DIFFERENTIAL_OUT)/sequences.S
	$(GUEST_CC) -Wa,--fatal-warnings -c $< -o $@

$(DIFFERENTIAL_OUT)/%.o: tests/differential/%.c guests/rules.mk tests/differential/rules.mk
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) $(GUEST_CFLAGS_exec) -mgeneral-regs-only -MMD -MP -c $< -o $@

$(DIFFERENTIAL_OUT)/%.o: tests/differential/%.S tests/differential/differential.h
	@mkdir -p $(@D)
	$(GUEST_CC) -nostdinc -c $< -o $@

$(DIFFERENTIAL_OUT)/sequences.elf: $(GUEST_OUT)/exec/runtime/start.o $(DIFFERENTIAL_OBJECTS) $(GUEST_OUT)/exec/libruntime.a \
		guests/runtime/guest.ld
	$(GUEST_CC) $(GUEST_LDFLAGS_exec) $(GUEST_LDFLAGS) -o $@ $(filter %.o %.a,$^)

.PHONY: differential-build
differential-build: $(DIFFERENTIAL_OUT)/sequences.elf

-include $(DIFFERENTIAL_OBJECTS:.o=.d)
