# SPDX-License-Identifier: Apache-2.0
.PHONY: perf-build
perf-build: $(addprefix $(BUILD)/perf/,floor pairs process_loop exact stream block_floor tap)

$(BUILD)/perf/%: perf/%.c
	@mkdir -p $(@D)
	$(MUSL_CC) $(CPPFLAGS) $(CFLAGS) $(SYSTEM_INCLUDES) $(LDFLAGS) -o $@ $(filter %.c,$^)

$(BUILD)/perf/floor $(BUILD)/perf/block_floor: perf/bare_guest.h
$(BUILD)/perf/pairs: perf/outside.c perf/outside.h
$(BUILD)/perf/tap: guests/unikernels/netbench/tcp.c guests/unikernels/netbench/tcp.h guests/unikernels/netping/packet.h
$(BUILD)/perf/process_loop: guests/unikernels/loop/work.h
