# SPDX-License-Identifier: Apache-2.0
# Unit tests: one program a module, all of kvick but its commands linked in, with sanitizers and fault injection.

UNIT_CFLAGS := -std=gnu17 $(WARNINGS) -DKVICK_FAULT_INJECTION -DKVICK_RESETS -g -O1 -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined -idirafter guests/runtime/include

$(eval $(call variant,asan,$(CC) $(UNIT_CFLAGS)))

UNIT_SOURCES := $(wildcard tests/unit/test_*.c)
UNIT_TESTS := $(UNIT_SOURCES:tests/unit/%.c=$(BUILD)/unit/%)
UNIT_LIBRARY := $(call objects,asan,$(VMM_SOURCES) $(VIRTIO_SOURCES) $(LOADER_SOURCES) \
	$(filter-out control/main.c control/commands_all.c,$(filter-out control/cmd_%.c,$(CONTROL_SOURCES))))

# The guests' side of virtio runs here too: rings against a model of the device's side, drivers and a unikernel in a world of
# such devices.
GUEST_VIRTQ := guests/runtime/virtq.c guests/runtime/virtq_packed.c tests/unit/virtq_model.c
GUEST_DRIVERS := $(filter-out $(GUEST_VIRTQ),$(wildcard guests/runtime/v*.c)) tests/unit/virtio_world.c \
	$(addprefix guests/unikernels/blkcheck/,contents.c limits.c pattern.c)

# Kept: make would take the objects of the tests for passing things and delete them.
.SECONDARY: $(call objects,asan,$(UNIT_SOURCES) $(GUEST_DRIVERS) $(GUEST_VIRTQ) \
	$(addprefix tests/unit/,block_fixture.c elf_builder.c engine_fixture.c monitor_fixture.c state_fixture.c virtq_driver.c \
		vsock_fixture.c) \
	$(wildcard vmm/monitor/*.c))

$(BUILD)/unit/test_%: $(BUILD)/asan/tests/unit/test_%.c.o $(UNIT_LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) $(UNIT_LDFLAGS) -o $@ $^ $(LIBURING) -lcmocka

$(filter $(BUILD)/unit/test_loader%,$(UNIT_TESTS)): $(call objects,asan,tests/unit/elf_builder.c)
$(filter $(BUILD)/unit/test_virt% $(addprefix $(BUILD)/unit/test_,devices net net_race),$(UNIT_TESTS)): \
	$(call objects,asan,tests/unit/virtq_driver.c)

$(filter $(BUILD)/unit/test_block%,$(UNIT_TESTS)): $(call objects,asan,$(addprefix tests/unit/,block_fixture.c virtq_driver.c))
$(filter $(BUILD)/unit/test_block%,$(UNIT_TESTS)): UNIT_LDFLAGS := -Wl,--wrap=engine_start,--wrap=disk_open

$(filter $(BUILD)/unit/test_devices_state%,$(UNIT_TESTS)): \
	$(call objects,asan,$(addprefix tests/unit/,state_fixture.c virtq_driver.c))

$(filter $(BUILD)/unit/test_vsock%,$(UNIT_TESTS)): $(call objects,asan,$(addprefix tests/unit/,vsock_fixture.c virtq_driver.c))

# What another thread maps while pages move.
$(BUILD)/unit/test_loader_payload: UNIT_LDFLAGS := -Wl,--wrap=sys_mremap

# The monitor of deprivileged guests runs here as host code, against a guest of a few pages.
$(filter $(BUILD)/unit/test_monitor%,$(UNIT_TESTS)): $(call objects,asan,$(wildcard vmm/monitor/*.c) tests/unit/monitor_fixture.c)

$(BUILD)/unit/test_lz4: UNIT_LDFLAGS := -Wl,--no-as-needed,-llz4

$(BUILD)/unit/test_guest_random: $(call objects,asan,guests/runtime/random.c)
$(BUILD)/unit/test_guest_virtq: $(call objects,asan,$(GUEST_VIRTQ))
$(BUILD)/unit/test_guest_restored: $(call objects,asan,$(wildcard guests/runtime/v*.c) tests/unit/state_fixture.c \
	tests/unit/virtq_driver.c)
$(BUILD)/unit/test_guest_drivers: $(call objects,asan,$(GUEST_VIRTQ) $(GUEST_DRIVERS))
$(BUILD)/unit/test_console_device: $(call objects,asan,tests/unit/engine_fixture.c tests/unit/virtq_driver.c)
$(filter $(BUILD)/unit/test_engine%,$(UNIT_TESTS)): $(call objects,asan,tests/unit/engine_fixture.c)

# What a driver changes while the device looks at it.
$(addprefix $(BUILD)/unit/test_,block_race net_race vsock_race): UNIT_LDFLAGS += -Wl,--wrap=chain_read
$(BUILD)/unit/test_net_race: UNIT_LDFLAGS += -Wl,--wrap=sys_ioctl

# The tests that bring a KVM of their own (test_machine.h): ioctl() goes to them.
$(addprefix $(BUILD)/unit/test_,cpu cpuconfig crash hypercalls hypercalls_function pc_ends pc_interrupts pc_ports pc_threads \
	setup_race solo5 update_pgtable): \
	UNIT_LDFLAGS := -Wl,--wrap=sys_ioctl
$(BUILD)/unit/test_setup_race: UNIT_LDFLAGS += -Wl,--wrap=guest_mem_read
$(BUILD)/unit/test_solo5: UNIT_LDFLAGS += -Wl,--wrap=sys_preadv,--wrap=engine_destroy

# What hosts answer that this one is not.
DISK_CALLS := open fstat ioctl fcntl flock fallocate direct_alignment clock_nanosleep
$(BUILD)/unit/test_disk: UNIT_LDFLAGS := $(DISK_CALLS:%=-Wl,--wrap=sys_%)

# A console whose reads are refused.
$(BUILD)/unit/test_console_device: UNIT_LDFLAGS := -Wl,--wrap=sys_preadv
# Operations that the test ends instead of the engine.
$(BUILD)/unit/test_vsock_many: UNIT_LDFLAGS := -Wl,--wrap=engine_start

# It counts naps.
$(BUILD)/unit/test_engine_threads: UNIT_LDFLAGS := -Wl,--wrap=sys_clock_nanosleep

# Limits, on a clock of the test's own (test_clock.h).
$(addprefix $(BUILD)/unit/test_,block_limits net): UNIT_LDFLAGS += -Wl,--wrap=sys_now_ns

# kvick bench's command line, by itself.
$(BUILD)/unit/test_bench_plan: $(BUILD)/asan/tests/unit/test_bench_plan.c.o $(call objects,asan,control/measure/program.c \
		$(addprefix control/,commands.c options.c units.c) vmm/error.c $(addprefix control/bench/,memory.c run_words.c) \
		$(wildcard control/bench/plan*.c))
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -Wl,--wrap=program_of_kvick -o $@ $^ -lcmocka

# kvickd's parts that need no loop. They stand alone: jansson has names that ours have too.
SERVER_UNIT_TESTS := $(addprefix $(BUILD)/unit/test_server_,fields pool timers)
$(SERVER_UNIT_TESTS): $(BUILD)/unit/test_server_%: $(BUILD)/asan/tests/unit/test_server_%.c.o $(call objects,asan,control/units.c \
		$(addprefix control/server/,fields.c function_config.c memory.c pool.c timers.c))
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -o $@ $^ -ljansson -lcmocka

# What `kvick bench` writes, of results that were made up. They stand alone, too.
BENCH_OUTPUTS := $(wildcard $(addprefix control/bench/,output_*.c page_*.c plot_*.c statistics*.c)) \
	$(addprefix control/bench/,html.c memory.c svg.c sample.c pairs.c results.c) \
	$(addprefix control/measure/,output_file.c utf8.c) vmm/error.c
BENCH_OUTPUT_TESTS := $(addprefix $(BUILD)/unit/test_bench_output_,csv file hgrm html json text utf8)
$(BENCH_OUTPUT_TESTS): $(BUILD)/unit/%: $(BUILD)/asan/tests/unit/%.c.o $(call objects,asan,$(BENCH_OUTPUTS) \
		tests/unit/bench_fixture.c)
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -o $@ $^ -ljansson -lm -lcmocka

# What `kvick test` reads and selects, without running anything.
MANIFEST_SOURCES := $(wildcard control/test/manifest*.c) \
	$(addprefix control/test/,memory.c nearest.c pattern.c) $(addprefix control/measure/,program.c utf8.c) control/units.c \
	vmm/error.c
MANIFEST_UNIT_TESTS := $(addprefix $(BUILD)/unit/test_kvick_test_,manifest manifest_files select)
$(MANIFEST_UNIT_TESTS): $(BUILD)/unit/%: $(BUILD)/asan/tests/unit/%.c.o $(call objects,asan,$(MANIFEST_SOURCES) \
		$(addprefix control/,test/plan.c test/select.c commands.c options.c))
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) $(UNIT_LDFLAGS) -o $@ $^ -lpcre2-8 -lcmocka
$(BUILD)/unit/test_kvick_test_manifest: UNIT_LDFLAGS := -Wl,--wrap=malloc,--wrap=calloc,--wrap=reallocarray

# What is recorded of a host, and may be required of it: of made-up ones (host_fixture.c). They stand alone, too.
HOST_UNIT_TESTS := $(addprefix $(BUILD)/unit/test_bench_,environment features)
$(HOST_UNIT_TESTS): $(BUILD)/unit/test_bench_%: $(BUILD)/asan/tests/unit/test_bench_%.c.o $(call objects,asan, \
		tests/unit/host_fixture.c vmm/error.c $(filter-out %/this_host.c,$(wildcard control/measure/*.c)))
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -o $@ $^ -ljansson -lcmocka

# Presets of other VMMs.
$(BUILD)/unit/test_bench_peers: $(call objects,asan,$(addprefix control/bench/,memory.c peers.c run_words.c) \
		control/measure/program.c vmm/error.c tests/unit/test_bench_peers.c)
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -o $@ $^ -ljansson -lcmocka

# The runner of `kvick test`, without running anything.
RUNNER_SOURCES := $(addprefix control/test/,capture.c command.c ending.c golden.c match.c pattern.c problems.c scratch.c) \
	$(addprefix control/measure/,child.c output_file.c) vmm/error.c
RUNNER_UNIT_TESTS := $(addprefix $(BUILD)/unit/test_kvick_test_,capture ending match)
$(RUNNER_UNIT_TESTS): $(BUILD)/unit/%: $(BUILD)/asan/tests/unit/%.c.o $(call objects,asan,$(RUNNER_SOURCES))
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -o $@ $^ -lpcre2-8 -lcmocka

# What `kvick test` tells; for the same reason.
REPORT_UNIT_TESTS := $(addprefix $(BUILD)/unit/test_kvick_test_,printed report)
$(REPORT_UNIT_TESTS): $(BUILD)/unit/%: $(BUILD)/asan/tests/unit/%.c.o $(call objects,asan,vmm/error.c \
		$(addprefix control/measure/,output_file.c utf8.c) \
		$(addprefix control/test/,junit.c printed.c report.c reporter_human.c reporter_tap.c test_json.c))
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -o $@ $^ -ljansson -lcmocka -lutil

# What two threads share once more, with the thread sanitizer.
# GCC says that it does not know fences there: the ring's are between us and the guest. (Clang has no such warning.)
TSAN_CFLAGS := -std=gnu17 $(WARNINGS) -Wno-unknown-warning-option -Wno-tsan -DKVICK_FAULT_INJECTION -g -O1 -fsanitize=thread

$(eval $(call variant,tsan,$(CC) $(TSAN_CFLAGS)))

UNIT_TESTS += $(BUILD)/unit/test_engine_threads_tsan $(BUILD)/unit/test_pc_threads_tsan

$(BUILD)/unit/test_engine_threads_tsan: $(call objects,tsan,tests/unit/test_engine_threads.c \
		tests/unit/engine_fixture.c $(wildcard vmm/engine*.c) vmm/sys.c vmm/error.c)
	@mkdir -p $(@D)
	$(CC) $(TSAN_CFLAGS) -Wl,--wrap=sys_clock_nanosleep -o $@ $^ $(LIBURING) -lcmocka

$(BUILD)/unit/test_pc_threads_tsan: $(call objects,tsan,tests/unit/test_pc_threads.c \
		$(VMM_SOURCES) $(VIRTIO_SOURCES) $(LOADER_SOURCES))
	@mkdir -p $(@D)
	$(CC) $(TSAN_CFLAGS) -Wl,--wrap=sys_ioctl -o $@ $^ $(LIBURING) -lcmocka

# What kvick-bench and kvick-test have in common: without the VMM.
$(BUILD)/unit/test_measure: $(BUILD)/unit/test_%: $(BUILD)/asan/tests/unit/test_%.c.o $(call objects,asan,vmm/error.c \
		$(addprefix control/measure/,child.c program.c))
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -o $@ $^ -lcmocka

$(BUILD)/unit/test_kvm_trace: $(call objects,asan,control/measure/kvm_trace.c vmm/error.c tests/unit/test_kvm_trace.c)
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -o $@ $^ -lcmocka

# kvick bench's parts that run nothing.
BENCH_UNIT_TESTS := $(addprefix $(BUILD)/unit/test_bench_,results statistics)
$(BENCH_UNIT_TESTS): $(BUILD)/unit/test_bench_%: $(BUILD)/asan/tests/unit/test_bench_%.c.o \
		$(call objects,asan,$(addprefix control/bench/,memory.c pairs.c results.c sample.c) \
		$(wildcard control/bench/statistics*.c))
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -o $@ $^ -lcmocka -lm
