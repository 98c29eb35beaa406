# SPDX-License-Identifier: Apache-2.0
.PHONY: perf-build
perf-build: $(addprefix $(BUILD)/perf/,floor pairs process_loop exact stream)

$(BUILD)/perf/%: perf/%.c
	@mkdir -p $(@D)
	$(MUSL_CC) $(CPPFLAGS) $(CFLAGS) $(SYSTEM_INCLUDES) $(LDFLAGS) -o $@ $<

$(BUILD)/perf/process_loop: guests/unikernels/loop/work.h
