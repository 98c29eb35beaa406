# SPDX-License-Identifier: Apache-2.0
#
# kvick. `make demo` boots a unikernel and shows where the time went; `make check` runs all tests.
# Both install what is missing (Debian packages) first. `make help` lists the rest.
#
# One make, not recursive: each part of the tree adds its rules in a rules.mk.

# Quiet, unless V=1.
$(V).SILENT:

BUILD := build
CC := gcc
# The launcher is a static musl binary: that saves about 300 us of every launch against a dynamic glibc one.
MUSL_CC := musl-gcc
SYSTEM_INCLUDES := -idirafter /usr/include -idirafter /usr/include/$(shell $(CC) -dumpmachine)

# Static, from Debian's liburing-dev, in musl and glibc programs alike: it has no libc in it.
LIBURING = $(shell $(CC) -print-file-name=liburing.a)

WARNINGS := -Wall -Wextra -Werror
CPPFLAGS := -I. -Iinclude -I$(BUILD)/gen -D_GNU_SOURCE
CFLAGS := -std=gnu17 -O2 $(WARNINGS) -fstack-protector-strong -fno-pie -ffunction-sections -fdata-sections \
	-fno-asynchronous-unwind-tables
# Nothing but loops is aligned: a launch runs most of it once, and pays for the pages that it is spread over.
UNALIGNED := -falign-functions=1 -falign-jumps=1
LDFLAGS := -static -no-pie -Wl,--gc-sections -Wl,-z,noseparate-code -Wl,-z,norelro -Wl,--build-id=none -s

VMM_SOURCES := $(filter-out vmm/sandbox_compile.c,$(wildcard vmm/*.c vmm/pc/*.c vmm/x86/*.c)) $(wildcard vmm/*.S)
LOADER_SOURCES := $(wildcard loader/*.c)
VIRTIO_SOURCES := $(wildcard virtio/*.c)
# Which commands a program has is one of two tables.
CONTROL_SOURCES := $(filter-out control/commands_launcher.c,$(wildcard control/*.c))
KVICK_SOURCES := $(VMM_SOURCES) $(VIRTIO_SOURCES) $(LOADER_SOURCES) $(CONTROL_SOURCES)

# $(call objects,variant,sources): where a variant's objects are.
objects = $(patsubst %,$(BUILD)/$(1)/%.o,$(2))

.PHONY: all help demo check check-hw nested nested-test perf perf-linux perf-solo5 exact clean install
.DEFAULT_GOAL := all

PROGRAMS := $(addprefix $(BUILD)/,kvick kvick-snapshot kvick-worker kvickd kvick-client kvick-bench kvick-test kvick-floor)
all: $(PROGRAMS) library guests $(BUILD)/perf/floor

help:
	@echo 'make all      build/kvick, kvickd and what belongs to them, build/guests/*.elf, build/perf/floor;'
	@echo '              `tests/packages.sh all` installs what that needs'
	@echo 'make demo     install what is missing, build, boot a unikernel, print its timeline'
	@echo 'make check    install what is missing, build, run all tests'
	@echo 'make check-hw only what runs in the nested machine (QEMU, SVM, the real kvm_amd): guest and hostile tests, those of'
	@echo '              page tables under shadow paging, with a Debian kernel, the fault sweep, the harness, make exact,'
	@echo '              the differential test'
	@echo "make nested   CMD='kvick run hello.elf': a command in the nested machine, in a folder with all guests"
	@echo 'make nested-test MANIFEST=kvick.test [JUNIT=FILE] [TEST_OPTIONS=…]: `kvick test` in the nested machine'
	@echo 'make perf     measure, and compare with the budgets in perf/budgets.tsv'
	@echo 'make perf-linux  a Debian kernel to its first line against QEMU microvm, in the nested machine (4 to 10 minutes)'
	@echo 'make perf-solo5  SOLO5_HVT=… TEST_HELLO=…: kvick against a solo5-hvt of yours, on its test_hello.hvt'
	@echo 'make exact    count the instructions of a launch, in the nested machine'
	@echo 'make install  to $$(DESTDIR)$$(PREFIX), /usr/local unless said otherwise'
	@echo 'make clean    remove build/'

# --- the launcher ---

$(BUILD)/gen/sandbox_compile: vmm/sandbox_compile.c vmm/sandbox_make.c vmm/sandbox_make.h vmm/sandbox_policy.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -no-pie -o $@ $(filter %.c,$^)

$(BUILD)/gen/sandbox_filter.h: $(BUILD)/gen/sandbox_compile
	$< > $@.new && mv $@.new $@

# The monitor runs inside deprivileged guests (vmm/monitor): no libc, no data of its own, no FPU, linked for its place there.
MONITOR_SOURCES := $(wildcard vmm/monitor/*.c) vmm/x86/decode.c vmm/x86/sensitive.c
MONITOR_CFLAGS := -std=gnu17 -Os $(WARNINGS) -DX86_WITHOUT_WORDS \
	-ffreestanding -mgeneral-regs-only -mno-red-zone -mcmodel=kernel -fno-pie \
	-fno-jump-tables -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -ffunction-sections \
	-fdata-sections

$(BUILD)/gen/monitor/%.c.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) -I. -Iinclude $(MONITOR_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/gen/monitor/%.S.o: %.S Makefile
	@mkdir -p $(@D)
	$(CC) -I. -Iinclude -MMD -MP -c $< -o $@

$(BUILD)/gen/monitor.elf: $(call objects,gen/monitor,$(MONITOR_SOURCES) vmm/monitor/entry.S) vmm/monitor/monitor.ld
	ld -static -nostdlib --gc-sections --build-id=none -T vmm/monitor/monitor.ld -o $@ $(filter %.o,$^)

$(BUILD)/gen/monitor.bin: $(BUILD)/gen/monitor.elf
	objcopy -O binary $< $@

# $(call variant,name,compiler and flags): rules for one way to compile kvick's sources.
define variant
$(BUILD)/$(1)/%.c.o: %.c Makefile | $(BUILD)/gen/sandbox_filter.h
	@mkdir -p $$(@D)
	$(2) $(CPPFLAGS) -MMD -MP -c $$< -o $$@

$(BUILD)/$(1)/%.S.o: %.S Makefile
	@mkdir -p $$(@D)
	$(2) $(CPPFLAGS) -MMD -MP -c $$< -o $$@

$(BUILD)/$(1)/vmm/monitor_blob.S.o: $(BUILD)/gen/monitor.bin
endef

# Small, but what every launch runs and where a guest's I/O passes again and again.
QUICK := $(wildcard virtio/queue*.c virtio/transport.c virtio/block.c virtio/net.c virtio/net_header.c virtio/vsock*.c \
	virtio/console_device.c virtio/devices.c vmm/engine.c vmm/engine_sync.c vmm/engine_uring.c vmm/hypercalls.c vmm/exits.c \
	vmm/solo5.c) $(addprefix vmm/,boot_native.c console.c cpu.c guest_mem.c host_cache.c kvm.c machine.c memory_plan.c \
	pagetable.c sandbox.c sys.c system_page.c vcpu.c vm.c) $(addprefix loader/,elf.c image.c native.c) \
	$(addprefix control/,cmd_run.c commands.c launch.c main.c options.c signals.c units.c)
$(call objects,obj,$(filter-out $(QUICK),$(filter %.c,$(KVICK_SOURCES) control/commands_launcher.c))): SMALL := -Os
$(eval $(call variant,obj,$(MUSL_CC) $(CFLAGS) $(UNALIGNED) $$(SMALL) $(SYSTEM_INCLUDES)))

LAUNCHER_SOURCES := control/commands_launcher.c $(filter-out control/commands_all.c,$(KVICK_SOURCES))

$(BUILD)/kvick: $(call objects,obj,$(LAUNCHER_SOURCES)) control/kvick.ld
	$(MUSL_CC) $(CFLAGS) $(LDFLAGS) -Wl,-T,control/kvick.ld -Wl,--orphan-handling=error -o $@ $(filter %.o,$^) $(LIBURING)

# For `kvick snapshot`: the same with that in it, which takes too much room. Nobody is in a hurry here: no layout.
$(BUILD)/kvick-snapshot: $(call objects,obj,$(KVICK_SOURCES))
	$(MUSL_CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBURING)

include control/client/rules.mk
include control/server/rules.mk
include control/library/rules.mk
include guests/rules.mk
include control/worker/rules.mk
include control/measure/rules.mk
include control/bench/rules.mk
include control/test/rules.mk
include perf/rules.mk
include tests/rules.mk

# --- what a newcomer types ---

demo:
	@tests/packages.sh build
	@$(MAKE) --no-print-directory $(BUILD)/kvick $(BUILD)/guests/hello.elf
	@tests/demo.sh $(BUILD)

check:
	@tests/packages.sh check
	@$(MAKE) --no-print-directory -j$(shell nproc) check-build
	@tests/check.sh $(BUILD)

check-hw:
	@tests/packages.sh check
	@$(MAKE) --no-print-directory -j$(shell nproc) all perf-build hostile-build differential-build helpers \
		$(BUILD)/fault/kvick-musl
	@tests/check.sh $(BUILD) hw

export CMD ?= kvick doctor
nested:
	@tests/packages.sh build
	@tests/packages.sh nested
	@$(MAKE) --no-print-directory $(BUILD)/kvick guests
	@tests/nested/machine.sh --add $(BUILD)/kvick:/bin/kvick --add $(BUILD)/guests:/guests -- \
		sh -c "cd /guests && $$CMD"

# With all that the manifest names; relative paths are from here.
export MANIFEST ?= docs/examples/kvick.test
export JUNIT TEST_OPTIONS
nested-test:
	@tests/packages.sh test
	@tests/packages.sh nested
	@$(MAKE) --no-print-directory $(addprefix $(BUILD)/,kvick kvick-test kvick-floor)
	@tests/nested/test.sh $(BUILD) "$$MANIFEST" $${JUNIT:+--junit "$$JUNIT"} $$TEST_OPTIONS

perf:
	@tests/packages.sh perf
	@$(MAKE) --no-print-directory all perf-build
	@perf/run.sh

perf-linux:
	@tests/packages.sh build
	@tests/packages.sh nested
	@$(MAKE) --no-print-directory $(BUILD)/kvick perf-build
	@BUILD=$(BUILD) perf/linux.sh

perf-solo5:
	@tests/packages.sh build
	@tests/packages.sh nested
	@$(MAKE) --no-print-directory $(BUILD)/kvick perf-build
	@BUILD=$(BUILD) perf/solo5.sh $(SOLO5_HVT) $(TEST_HELLO)

exact:
	@tests/packages.sh all
	@tests/packages.sh nested
	@$(MAKE) --no-print-directory all perf-build
	@perf/exact.sh $(BUILD)

PREFIX := /usr/local
LIBEXEC := $(addprefix $(BUILD)/,kvick-bench kvick-client kvick-floor kvick-snapshot kvick-test kvick-worker)
UNITS := control/server/systemd
install: $(BUILD)/kvick $(BUILD)/kvickd $(LIBEXEC) library-install
	install -Dm755 $(BUILD)/kvick -t $(DESTDIR)$(PREFIX)/bin
	install -Dm755 $(BUILD)/kvickd -t $(DESTDIR)$(PREFIX)/sbin
	install -Dm755 $(LIBEXEC) $(UNITS)/kvickd-cgroup -t $(DESTDIR)$(PREFIX)/libexec/kvick
	install -Dm644 docs/*.1 -t $(DESTDIR)$(PREFIX)/share/man/man1
	install -Dm644 docs/kvickd.8 -t $(DESTDIR)$(PREFIX)/share/man/man8
	install -Dm644 $(UNITS)/kvick.conf -t $(DESTDIR)$(PREFIX)/lib/sysusers.d
	install -Dm644 $(UNITS)/kvickd.socket -t $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@PREFIX@|$(PREFIX)|g' $(UNITS)/kvickd.service.in >$(DESTDIR)$(PREFIX)/lib/systemd/system/kvickd.service

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
