# SPDX-License-Identifier: Apache-2.0
#
# Guests: one unikernel for each folder in guests/unikernels. A part of the top Makefile.
#
# In:  BUILD       where everything goes
#      GUEST_CC    gcc (the default) or clang
# Out: guests      builds them all
#      GUEST_ELFS  $(BUILD)/guests/NAME.elf, and NAME-pie.elf for those in GUEST_PIE, NAME-ring0.elf for those in GUEST_RING0
#      GUEST_BZIMAGES  $(BUILD)/guests/NAME.bzImage: of guests/bzimage/NAME
#      GUEST_HVTS      $(BUILD)/guests/NAME.hvt: of guests/solo5/NAME
#      GUEST_KERNELS   the same as NAME.kernel, an ELF file; as NAME-pvh.kernel, with PVH's entry too; and that as the payload of
#                      NAME-lz4.bzImage

GUEST_CC ?= gcc
GUEST_AR ?= ar
GUEST_OBJCOPY ?= objcopy

GUEST_OUT := $(BUILD)/guests
GUEST_NAMES := $(sort $(patsubst guests/unikernels/%/main.c,%,$(wildcard guests/unikernels/*/main.c)))

# Also built as a static PIE.
GUEST_PIE := hello crash

# Also linked with a manifest that allows ring 0 alone, as NAME-ring0.elf: where ring 0 is emulated they run at ring 3, unknowing.
GUEST_RING0 := args blkcheck consolecat counter crash echo entropy exitcode fpu hello loop memory netping rngcheck spin vsockecho

# An entry point of its own, before the runtime's.
GUEST_ENTRY_soiler := soiler_entry

# Built with SSE, and printf with %f. The others keep to general registers, and so run at ring 0
# also on a host that emulates ring 0 and knows no SSE arithmetic.
GUEST_FLOAT := avx fpu
GUEST_FLOAT_SOURCES := guests/runtime/float.c guests/runtime/printf_variadic.c \
	$(foreach name,$(GUEST_FLOAT),guests/unikernels/$(name)/%)
GUEST_REGS = $(if $(filter $(GUEST_FLOAT_SOURCES),$<),,-mgeneral-regs-only)

# Plain x86-64: no CPUID feature is asked for. No red zone: a guest may put gates without a stack of their own into its IDT.
GUEST_CFLAGS := -std=gnu17 -O2 -g0 -march=x86-64 -mno-red-zone -ffreestanding -nostdinc \
	-isystem $(shell $(GUEST_CC) -print-file-name=include) -isystem guests/runtime/include -Iinclude \
	-fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fcf-protection=none \
	-ffunction-sections -fdata-sections -fno-common \
	-fstack-protector-strong -mstack-protector-guard=global \
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror

GUEST_LDFLAGS := -nostdlib -Wl,-T,guests/runtime/guest.ld -Wl,--gc-sections -Wl,--build-id=none \
	-Wl,-z,max-page-size=4096 -Wl,-z,common-page-size=4096 -Wl,-z,noexecstack -Wl,-z,norelro -Wl,--fatal-warnings
GUEST_LDFLAGS_exec := -static
# The script asks whether the symbol is defined: that must have come before it.
GUEST_LDFLAGS_pie := -static-pie -Wl,--defsym=kvick_load_address=0
GUEST_CFLAGS_exec := -fno-pic -fno-pie
GUEST_CFLAGS_pie := -fpie

GUEST_RUNTIME_SOURCES := $(wildcard guests/runtime/*.c guests/runtime/*.S)

# $(call guest_objects,exec or pie,sources)
guest_objects = $(patsubst guests/%,$(GUEST_OUT)/$(1)/%.o,$(basename $(2)))

# $(call guest_rules,exec or pie): objects and the runtime's archive.
define guest_rules
$(GUEST_OUT)/$(1)/%.o: guests/%.c guests/rules.mk
	@mkdir -p $$(@D)
	$$(GUEST_CC) $$(GUEST_CFLAGS) $$(GUEST_CFLAGS_$(1)) $$(GUEST_REGS) -MMD -MP -c $$< -o $$@

$(GUEST_OUT)/$(1)/%.o: guests/%.S guests/rules.mk
	@mkdir -p $$(@D)
	$$(GUEST_CC) -nostdinc -Iinclude -MMD -MP -c $$< -o $$@

$(GUEST_OUT)/$(1)/libruntime.a: $(call guest_objects,$(1),$(filter-out %/start.S,$(GUEST_RUNTIME_SOURCES)))
	@rm -f $$@
	$$(GUEST_AR) rcs $$@ $$^

GUEST_DEPS += $(patsubst %.o,%.d,$(call guest_objects,$(1),$(GUEST_RUNTIME_SOURCES)))
endef

# $(call guest_image,name,exec or pie,suffix)
define guest_image
$(GUEST_OUT)/$(1)$(3).elf: $(GUEST_OUT)/$(2)/runtime/start.o \
		$(call guest_objects,$(2),$(sort $(wildcard guests/unikernels/$(1)/*.[cS]))) \
		$(GUEST_OUT)/$(2)/libruntime.a guests/runtime/guest.ld
	$$(GUEST_CC) $$(GUEST_LDFLAGS_$(2)) $$(GUEST_LDFLAGS) $(addprefix -Xlinker -e -Xlinker ,$(GUEST_ENTRY_$(1))) \
		$(if $(filter $(1),$(GUEST_FLOAT)),-Xlinker -u -Xlinker kvick_float_linked) \
		-o $$@ $$(filter %.o %.a,$$^)

GUEST_ELFS += $(GUEST_OUT)/$(1)$(3).elf
GUEST_DEPS += $(patsubst %.o,%.d,$(call guest_objects,$(2),$(wildcard guests/unikernels/$(1)/*.[cS])))
endef

# $(call guest_ring0_image,name)
define guest_ring0_image
$(GUEST_OUT)/exec/unikernels/$(1)/manifest-ring0.o: guests/unikernels/$(1)/manifest.c guests/rules.mk
	@mkdir -p $$(@D)
	sed s/KVICK_RINGS_ANY/KVICK_RINGS_0/ $$< | $$(GUEST_CC) $$(GUEST_CFLAGS) $$(GUEST_CFLAGS_exec) -x c -c - -o $$@

$(GUEST_OUT)/$(1)-ring0.elf: $(GUEST_OUT)/exec/unikernels/$(1)/manifest-ring0.o $(GUEST_OUT)/exec/runtime/start.o \
		$(call guest_objects,exec,$(filter-out %/manifest.c,$(wildcard guests/unikernels/$(1)/*.c))) \
		$(GUEST_OUT)/exec/libruntime.a guests/runtime/guest.ld
	$$(GUEST_CC) $$(GUEST_LDFLAGS_exec) $$(GUEST_LDFLAGS) \
		$(if $(filter $(1),$(GUEST_FLOAT)),-Xlinker -u -Xlinker kvick_float_linked) \
		-o $$@ $$(filter %.o %.a,$$^)

GUEST_ELFS += $(GUEST_OUT)/$(1)-ring0.elf
endef

GUEST_ELFS :=
GUEST_DEPS :=

$(eval $(call guest_rules,exec))
$(eval $(call guest_rules,pie))
$(foreach name,$(GUEST_NAMES),$(eval $(call guest_image,$(name),exec,)))
$(foreach name,$(GUEST_PIE),$(eval $(call guest_image,$(name),pie,-pie)))
$(foreach name,$(GUEST_RING0),$(eval $(call guest_ring0_image,$(name))))

# --- bzImages that are no Linux: freestanding, with nothing of the runtime but strings and printf ---

GUEST_BZIMAGE_NAMES := $(patsubst guests/bzimage/%/main.c,%,$(wildcard guests/bzimage/*/main.c))
GUEST_BZIMAGES := $(GUEST_BZIMAGE_NAMES:%=$(GUEST_OUT)/%.bzImage)
GUEST_BZIMAGE_OBJECTS := $(call guest_objects,exec,$(addprefix guests/bzimage/,start.S long_mode.S kernel.c interrupts.c virtio.c) \
	$(addprefix guests/runtime/,string.c printf.c printf_variadic.c))
GUEST_DEPS += $(patsubst %.o,%.d,$(GUEST_BZIMAGE_OBJECTS)) $(GUEST_BZIMAGE_NAMES:%=$(GUEST_OUT)/exec/bzimage/%/main.d)

# $(call guest_bzimage,image,its own objects,those that it shares)
define guest_bzimage
$(1): $(2) $(3) guests/bzimage/bzimage.ld
	@mkdir -p $$(@D)
	$$(GUEST_CC) -static -nostdlib -Wl,-T,guests/bzimage/bzimage.ld -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
		-Wl,-z,noexecstack -Wl,--no-warn-rwx-segments -Wl,--gc-sections -o $$@.elf $$(filter %.o,$$^)
	$$(GUEST_OBJCOPY) -O binary $$@.elf $$@
	@rm $$@.elf
endef

$(foreach name,$(GUEST_BZIMAGE_NAMES),$(eval \
	$(call guest_bzimage,$(GUEST_OUT)/$(name).bzImage,$(GUEST_OUT)/exec/bzimage/$(name)/main.o,$(GUEST_BZIMAGE_OBJECTS))))

GUEST_KERNELS := $(GUEST_BZIMAGE_NAMES:%=$(GUEST_OUT)/%.kernel) $(GUEST_BZIMAGE_NAMES:%=$(GUEST_OUT)/%-pvh.kernel) \
	$(GUEST_BZIMAGE_NAMES:%=$(GUEST_OUT)/%-lz4.bzImage)
GUEST_PVH_OBJECTS := $(call guest_objects,exec,$(addprefix guests/bzimage/,pvh_start.S pvh.c))
GUEST_DEPS += $(GUEST_PVH_OBJECTS:.o=.d)

GUEST_KERNEL_LDFLAGS := -static -nostdlib -Wl,-T,guests/bzimage/kernel.ld -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
	-Wl,-z,noexecstack -Wl,--gc-sections

$(GUEST_OUT)/%-pvh.kernel: $(GUEST_OUT)/exec/bzimage/%/main.o $(GUEST_BZIMAGE_OBJECTS) $(GUEST_PVH_OBJECTS) \
		guests/bzimage/kernel.ld
	$(GUEST_CC) $(GUEST_KERNEL_LDFLAGS) -o $@ $(filter %.o,$^)

$(GUEST_OUT)/%.kernel: $(GUEST_OUT)/exec/bzimage/%/main.o $(GUEST_BZIMAGE_OBJECTS) guests/bzimage/kernel.ld
	$(GUEST_CC) $(GUEST_KERNEL_LDFLAGS) -o $@ $(filter %.o,$^)

$(GUEST_OUT)/%.lz4: $(GUEST_OUT)/%-pvh.kernel
	lz4 -q -f -l -9 $< $@

$(GUEST_OUT)/%-packed.o: guests/bzimage/packed.S $(GUEST_OUT)/%.lz4 $(GUEST_OUT)/%-pvh.kernel
	$(GUEST_CC) -nostdinc -DPAYLOAD='"$(GUEST_OUT)/$*.lz4"' -DUNPACKED_BYTES=$$(stat -c %s $(GUEST_OUT)/$*-pvh.kernel) \
		-c $< -o $@

$(foreach name,$(GUEST_BZIMAGE_NAMES),$(eval $(call guest_bzimage,$(GUEST_OUT)/$(name)-lz4.bzImage, \
	$(GUEST_OUT)/$(name)-packed.o $(call guest_objects,exec,guests/bzimage/start.S),)))

# --- guests of Solo5's hvt ABI, with nothing of the runtime but strings, numbers and printf, and nothing of Solo5 ---

GUEST_HVT_NAMES := $(patsubst guests/solo5/%/main.c,%,$(wildcard guests/solo5/*/main.c))
GUEST_HVTS := $(GUEST_HVT_NAMES:%=$(GUEST_OUT)/%.hvt)
GUEST_HVT_OBJECTS := $(call guest_objects,exec,$(addprefix guests/solo5/,start.S guest.c) \
	$(addprefix guests/runtime/,string.c stdlib.c malloc.c printf.c printf_variadic.c))
GUEST_DEPS += $(patsubst %.o,%.d,$(GUEST_HVT_OBJECTS)) $(GUEST_HVT_NAMES:%=$(GUEST_OUT)/exec/solo5/%/main.d)

# $(call guest_hvt,image,object of its main.c)
define guest_hvt
$(1): $(2) $(GUEST_HVT_OBJECTS) guests/solo5/solo5.ld
	@mkdir -p $$(@D)
	$$(GUEST_CC) -static -nostdlib -Wl,-T,guests/solo5/solo5.ld -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
		-Wl,-z,noexecstack -Wl,--gc-sections -o $$@ $$(filter %.o,$$^)
endef

$(foreach name,$(GUEST_HVT_NAMES),$(eval \
	$(call guest_hvt,$(GUEST_OUT)/$(name).hvt,$(GUEST_OUT)/exec/solo5/$(name)/main.o)))

# --- a guest for multiboot 1, 32-bit, in all shapes that a boot loader takes ---

GUEST_MULTIBOOT := $(addprefix $(GUEST_OUT)/multiboot,32.elf 64.elf -low.elf .kludge)
GUEST_MULTIBOOT_CFLAGS := $(GUEST_CFLAGS) -m32 -fno-pic -fno-pie -fno-stack-protector -mgeneral-regs-only

$(GUEST_OUT)/m32/main.o: guests/multiboot/main.c guests/rules.mk
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_MULTIBOOT_CFLAGS) -MMD -MP -c $< -o $@

$(GUEST_OUT)/m32/start.o: guests/multiboot/start.S guests/rules.mk
	@mkdir -p $(@D)
	$(GUEST_CC) -m32 -nostdinc -c $< -o $@

$(GUEST_OUT)/m32/start-kludge.o: guests/multiboot/start.S guests/rules.mk
	@mkdir -p $(@D)
	$(GUEST_CC) -m32 -nostdinc -DKLUDGE -c $< -o $@

# $(call guest_multiboot,its address)
guest_multiboot = $(GUEST_CC) -m32 -static -nostdlib -Wl,-T,guests/multiboot/multiboot.ld -Wl,--defsym=image_start=$(1) \
	-Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments -Wl,--gc-sections -o $@ \
	$(filter %.o,$^)

GUEST_M32 := $(GUEST_OUT)/m32/main.o guests/multiboot/multiboot.ld

$(GUEST_OUT)/multiboot32.elf: $(GUEST_OUT)/m32/start.o $(GUEST_M32)
	$(call guest_multiboot,0x100000)

$(GUEST_OUT)/multiboot-low.elf: $(GUEST_OUT)/m32/start.o $(GUEST_M32)
	$(call guest_multiboot,0x90000)

$(GUEST_OUT)/multiboot64.elf: $(GUEST_OUT)/multiboot32.elf
	$(GUEST_OBJCOPY) -I elf32-i386 -O elf64-x86-64 $< $@

# Not linked at a page: what is loaded need not begin one.
$(GUEST_OUT)/multiboot.kludge: $(GUEST_OUT)/m32/start-kludge.o $(GUEST_M32)
	$(call guest_multiboot,0x200010)
	$(GUEST_OBJCOPY) -O binary $@ $@

GUEST_DEPS += $(GUEST_OUT)/m32/main.d

.PHONY: guests
guests: $(GUEST_ELFS) $(GUEST_BZIMAGES) $(GUEST_KERNELS) $(GUEST_HVTS) $(GUEST_MULTIBOOT)

-include $(GUEST_DEPS)
