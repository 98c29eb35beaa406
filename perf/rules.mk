# SPDX-License-Identifier: Apache-2.0
.PHONY: perf-build
perf-build: $(addprefix $(BUILD)/perf/,floor pairs process_loop exact stream block_floor tap load launches)

$(BUILD)/perf/%: perf/%.c
	@mkdir -p $(@D)
	$(MUSL_CC) $(CPPFLAGS) $(CFLAGS) $(SYSTEM_INCLUDES) $(LDFLAGS) -o $@ $(filter %.c,$^)

$(BUILD)/perf/floor $(BUILD)/perf/block_floor: perf/bare_guest.h
$(BUILD)/perf/pairs: control/measure/kvm_trace.c vmm/error.c control/measure/kvm_trace.h vmm/error.h
$(BUILD)/perf/load: $(addprefix perf/,load_open.c load_run.c load_http.c quantiles.c load.h load_http.h quantiles.h)
$(BUILD)/perf/tap: guests/unikernels/netbench/tcp.c guests/unikernels/netbench/tcp.h guests/unikernels/netping/packet.h
$(BUILD)/perf/process_loop: guests/unikernels/loop/work.h

# The launcher's own objects, without its command line.
$(BUILD)/perf/launches: $(call objects,obj,$(addprefix perf/,launches.c launches_resident.c quantiles.c) \
		$(VMM_SOURCES) $(VIRTIO_SOURCES) $(LOADER_SOURCES))
	@mkdir -p $(@D)
	$(MUSL_CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBURING)
