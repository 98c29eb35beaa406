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
	$(GUEST_CC) $(GUEST_CFLAGS) $(GUEST_CFLAGS_exec) -I. -mgeneral-regs-only -MMD -MP -c $< -o $@

$(HOSTILE_ELFS): $(HOSTILE_OUT)/%.elf: $(GUEST_OUT)/exec/runtime/start.o $(HOSTILE_OUT)/obj/%/main.o \
		$(HOSTILE_OUT)/obj/manifest.o $(GUEST_OUT)/exec/libruntime.a guests/runtime/guest.ld
	$(GUEST_CC) $(GUEST_LDFLAGS_exec) $(GUEST_LDFLAGS) -o $@ $(filter %.o %.a,$^)

# The same with a manifest for ring 0 alone, as NAME-ring0.elf.
HOSTILE_RING0_NAMES := calls fat loops monitor
HOSTILE_RING0_ELFS := $(HOSTILE_RING0_NAMES:%=$(HOSTILE_OUT)/%-ring0.elf)

$(HOSTILE_OUT)/obj/manifest-ring0.o: tests/hostile/guests/manifest.c guests/rules.mk
	@mkdir -p $(@D)
	sed s/KVICK_RINGS_ANY/KVICK_RINGS_0/ $< | $(GUEST_CC) $(GUEST_CFLAGS) $(GUEST_CFLAGS_exec) -x c -c - -o $@

$(HOSTILE_RING0_ELFS): $(HOSTILE_OUT)/%-ring0.elf: $(GUEST_OUT)/exec/runtime/start.o $(HOSTILE_OUT)/obj/%/main.o \
		$(HOSTILE_OUT)/obj/manifest-ring0.o $(GUEST_OUT)/exec/libruntime.a guests/runtime/guest.ld
	$(GUEST_CC) $(GUEST_LDFLAGS_exec) $(GUEST_LDFLAGS) -o $@ $(filter %.o %.a,$^)

# Kernels that are no Linux, of tests/hostile/bzimage/NAME.
HOSTILE_BZIMAGE_NAMES := $(patsubst tests/hostile/bzimage/%/main.c,%,$(wildcard tests/hostile/bzimage/*/main.c))
HOSTILE_BZIMAGES := $(HOSTILE_BZIMAGE_NAMES:%=$(HOSTILE_OUT)/%.bzImage)

$(HOSTILE_OUT)/bzimage/%.o: tests/hostile/bzimage/%.c guests/rules.mk tests/hostile/rules.mk
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) $(GUEST_CFLAGS_exec) -Iguests/bzimage -mgeneral-regs-only -MMD -MP -c $< -o $@

$(foreach name,$(HOSTILE_BZIMAGE_NAMES),$(eval \
	$(call guest_bzimage,$(HOSTILE_OUT)/$(name).bzImage,$(HOSTILE_OUT)/bzimage/$(name)/main.o,$(GUEST_BZIMAGE_OBJECTS))))

# Guests of Solo5's hvt ABI, of tests/hostile/solo5/NAME.
HOSTILE_HVT_NAMES := $(patsubst tests/hostile/solo5/%/main.c,%,$(wildcard tests/hostile/solo5/*/main.c))
HOSTILE_HVTS := $(HOSTILE_HVT_NAMES:%=$(HOSTILE_OUT)/%.hvt)

$(HOSTILE_OUT)/solo5/%.o: tests/hostile/solo5/%.c guests/rules.mk tests/hostile/rules.mk
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) $(GUEST_CFLAGS_exec) -I. -Iguests/solo5 -mgeneral-regs-only -MMD -MP -c $< -o $@

$(foreach name,$(HOSTILE_HVT_NAMES),$(eval \
	$(call guest_hvt,$(HOSTILE_OUT)/$(name).hvt,$(HOSTILE_OUT)/solo5/$(name)/main.o)))

HOSTILE_MAKERS := $(addprefix $(HOSTILE_OUT)/,make_images make_solo5_images make_kernels make_snapshots)

$(HOSTILE_MAKERS): $(HOSTILE_OUT)/%: tests/hostile/images/%.c tests/hostile/images/files.h include/kvick/note.h \
		include/kvick/solo5.h
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -I. -Iinclude -o $@ $<

.PHONY: hostile-build
hostile-build: $(HOSTILE_ELFS) $(HOSTILE_RING0_ELFS) $(HOSTILE_BZIMAGES) $(HOSTILE_HVTS) $(HOSTILE_MAKERS)

-include $(HOSTILE_NAMES:%=$(HOSTILE_OUT)/obj/%/main.d) $(HOSTILE_OUT)/obj/manifest.d \
	$(HOSTILE_BZIMAGE_NAMES:%=$(HOSTILE_OUT)/bzimage/%/main.d) $(HOSTILE_HVT_NAMES:%=$(HOSTILE_OUT)/solo5/%/main.d)
