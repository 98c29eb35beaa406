# SPDX-License-Identifier: Apache-2.0
#
# Fuzz targets: libFuzzer with clang's sanitizers. The define makes small inputs reach the mapping path too.

FUZZ_CFLAGS := -std=gnu17 -g -O1 $(WARNINGS) -DIMAGE_COPY_BYTES_MAX=0 -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=undefined

$(eval $(call variant,fuzz,clang $(FUZZ_CFLAGS)))

FUZZ_TARGETS := $(addprefix $(BUILD)/fuzz/fuzz_,elf payload multiboot solo5 virtq virtio devices devices_state pc x86 \
	x86_scan snapshot monitor functions manifest)

$(BUILD)/fuzz/fuzz_elf: $(call objects,fuzz,$(LOADER_SOURCES) vmm/error.c vmm/sys.c vmm/guest_mem.c tests/fuzz/fuzz_elf.c)
	clang -fsanitize=fuzzer,address,undefined -o $@ $^ $(LIBURING)

$(BUILD)/fuzz/fuzz_solo5: $(call objects,fuzz,$(LOADER_SOURCES) vmm/error.c vmm/sys.c vmm/guest_mem.c tests/fuzz/fuzz_solo5.c)
	clang -fsanitize=fuzzer,address,undefined -o $@ $^ $(LIBURING)

$(BUILD)/fuzz/fuzz_multiboot: $(call objects,fuzz,$(LOADER_SOURCES) vmm/error.c vmm/sys.c vmm/guest_mem.c \
	tests/fuzz/fuzz_multiboot.c)
	clang -fsanitize=fuzzer,address,undefined -o $@ $^ $(LIBURING)

$(BUILD)/fuzz/fuzz_payload: $(call objects,fuzz,$(LOADER_SOURCES) vmm/error.c vmm/sys.c vmm/guest_mem.c tests/fuzz/fuzz_payload.c)
	clang -fsanitize=fuzzer,address,undefined -o $@ $^ $(LIBURING) -llz4

$(BUILD)/fuzz/fuzz_virtq: $(call objects,fuzz,$(wildcard virtio/queue*.c) vmm/error.c vmm/sys.c vmm/guest_mem.c \
	tests/unit/virtq_driver.c tests/fuzz/fuzz_virtq.c)
	clang -fsanitize=fuzzer,address,undefined -o $@ $^ $(LIBURING)

$(BUILD)/fuzz/fuzz_virtio: $(call objects,fuzz,$(wildcard virtio/queue*.c virtio/transport*.c) virtio/throttle.c \
	virtio/limiter.c $(wildcard vmm/engine*.c) vmm/error.c vmm/sys.c vmm/guest_mem.c \
	tests/unit/virtq_driver.c tests/fuzz/fuzz_virtio.c)
	clang -fsanitize=fuzzer,address,undefined -o $@ $^ $(LIBURING)

$(BUILD)/fuzz/fuzz_pc: $(call objects,fuzz,$(addprefix vmm/pc/,ioapic.c serial.c pic.c pit.c rtc.c i8042.c testdev.c) \
	tests/fuzz/fuzz_pc.c)
	clang -fsanitize=fuzzer,address,undefined -o $@ $^

# Held against Zydis.
$(BUILD)/fuzz/fuzz_x86: $(call objects,fuzz,vmm/x86/decode.c vmm/x86/sensitive.c tests/fuzz/fuzz_x86.c)
	clang -fsanitize=fuzzer,address,undefined -o $@ $^ -lZydis

$(BUILD)/fuzz/fuzz_x86_scan: $(call objects,fuzz,$(addprefix vmm/x86/,decode.c scan.c sensitive.c) tests/fuzz/fuzz_x86_scan.c)
	clang -fsanitize=fuzzer,address,undefined -o $@ $^ -lZydis

$(BUILD)/fuzz/fuzz_monitor: $(call objects,fuzz,$(wildcard vmm/monitor/*.c) vmm/x86/decode.c vmm/x86/sensitive.c \
	tests/fuzz/fuzz_monitor.c)
	clang -fsanitize=fuzzer,address,undefined -o $@ $^

$(BUILD)/fuzz/fuzz_functions: $(call objects,fuzz,$(addprefix control/server/,fields.c function_config.c memory.c) control/units.c \
	tests/fuzz/fuzz_functions.c)
	clang -fsanitize=fuzzer,address,undefined -o $@ $^ -ljansson

$(BUILD)/fuzz/fuzz_manifest: $(call objects,fuzz,$(MANIFEST_SOURCES) control/test/select.c tests/fuzz/fuzz_manifest.c)
	clang -fsanitize=fuzzer,address,undefined -o $@ $^ -lpcre2-8

# All of kvick but its commands, for a state is a machine's.
$(BUILD)/fuzz/fuzz_snapshot: $(call objects,fuzz,$(VMM_SOURCES) $(VIRTIO_SOURCES) $(LOADER_SOURCES) tests/fuzz/fuzz_snapshot.c)
	clang -fsanitize=fuzzer,address,undefined -o $@ $^ $(LIBURING)

# Faults are injected there too: objects of its own.
$(eval $(call variant,fuzz-fault,clang $(FUZZ_CFLAGS) -DKVICK_FAULT_INJECTION))

FUZZ_CALLS := bind connect write now_ns
$(BUILD)/fuzz/fuzz_devices: $(call objects,fuzz-fault,$(VIRTIO_SOURCES) $(wildcard vmm/engine*.c) \
	vmm/error.c vmm/sys.c vmm/guest_mem.c vmm/state.c \
	tests/unit/virtq_driver.c tests/fuzz/fuzz_devices.c)
	@mkdir -p $(@D)
	clang -fsanitize=fuzzer,address,undefined $(FUZZ_CALLS:%=-Wl,--wrap=sys_%) \
		-o $@ $^ $(LIBURING)

$(BUILD)/fuzz/fuzz_devices_state: $(call objects,fuzz-fault,$(VIRTIO_SOURCES) $(wildcard vmm/engine*.c) \
	vmm/error.c vmm/sys.c vmm/guest_mem.c vmm/state.c \
	tests/unit/virtq_driver.c tests/fuzz/fuzz_devices_state.c)
	@mkdir -p $(@D)
	clang -fsanitize=fuzzer,address,undefined $(FUZZ_CALLS:%=-Wl,--wrap=sys_%) \
		-o $@ $^ $(LIBURING)
