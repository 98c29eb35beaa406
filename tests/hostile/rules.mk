# SPDX-License-Identifier: Apache-2.0
#
# Hostile guests and hostile images. A part of the top Makefile, after guests/rules.mk.
#
# Out: hostile-build   everything that the cases in tests/hostile and tests/hostile/images/run.sh need

HOSTILE_OUT := $(BUILD)/hostile
HOSTILE_NAMES := $(sort $(patsubst tests/hostile/guests/%/main.c,%,$(wildcard tests/hostile/guests/*/main.c)))
HOSTILE_ELFS := $(HOSTILE_NAMES:%=$(HOSTILE_OUT)/%.elf)

# General registers only: a ring 0 that the host emulates knows no more.
$(HOSTILE_OUT)/obj/%.o: tests/hostile/guests/%.c guests/rules.mk tests/hostile/rules.mk
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) $(GUEST_CFLAGS_exec) -mgeneral-regs-only -MMD -MP -c $< -o $@

$(HOSTILE_ELFS): $(HOSTILE_OUT)/%.elf: $(GUEST_OUT)/exec/runtime/start.o $(HOSTILE_OUT)/obj/%/main.o \
		$(HOSTILE_OUT)/obj/manifest.o $(GUEST_OUT)/exec/libruntime.a guests/runtime/guest.ld
	$(GUEST_CC) $(GUEST_LDFLAGS_exec) $(GUEST_LDFLAGS) -o $@ $(filter %.o %.a,$^)

# Kernels that are no Linux, of tests/hostile/bzimage/NAME.
HOSTILE_BZIMAGE_NAMES := $(patsubst tests/hostile/bzimage/%/main.c,%,$(wildcard tests/hostile/bzimage/*/main.c))
HOSTILE_BZIMAGES := $(HOSTILE_BZIMAGE_NAMES:%=$(HOSTILE_OUT)/%.bzImage)

$(HOSTILE_OUT)/bzimage/%.o: tests/hostile/bzimage/%.c guests/rules.mk tests/hostile/rules.mk
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) $(GUEST_CFLAGS_exec) -Iguests/bzimage -mgeneral-regs-only -MMD -MP -c $< -o $@

$(foreach name,$(HOSTILE_BZIMAGE_NAMES),$(eval \
	$(call guest_bzimage,$(HOSTILE_OUT)/$(name).bzImage,$(HOSTILE_OUT)/bzimage/$(name)/main.o)))

$(HOSTILE_OUT)/make_images: tests/hostile/images/make_images.c include/kvick/note.h
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -Wall -Wextra -Werror -Iinclude -o $@ $<

.PHONY: hostile-build
hostile-build: $(HOSTILE_ELFS) $(HOSTILE_BZIMAGES) $(HOSTILE_OUT)/make_images

-include $(HOSTILE_NAMES:%=$(HOSTILE_OUT)/obj/%/main.d) $(HOSTILE_OUT)/obj/manifest.d \
	$(HOSTILE_BZIMAGE_NAMES:%=$(HOSTILE_OUT)/bzimage/%/main.d)
