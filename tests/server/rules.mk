# SPDX-License-Identifier: Apache-2.0
#
# kvickd's tests: kvickd itself, with sanitizers too, and a worker without VMs.

SERVER_TEST_CFLAGS := -std=gnu17 -g -O1 $(WARNINGS)
SERVER_ASAN_CFLAGS := $(SERVER_TEST_CFLAGS) -fsanitize=address,undefined -fno-sanitize-recover=undefined

$(BUILD)/server/fake_worker: tests/server/fake_worker.c control/worker/protocol.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(SERVER_TEST_CFLAGS) -o $@ $< -pthread

$(eval $(call variant,server-asan,$(CC) $(SERVER_ASAN_CFLAGS)))

$(BUILD)/server/kvickd-asan: $(call objects,server-asan,$(SERVER_SOURCES))
	@mkdir -p $(@D)
	$(CC) $(SERVER_ASAN_CFLAGS) -o $@ $^ $(SERVER_LIBRARIES)

.PHONY: server-test-build
server-test-build: $(BUILD)/kvickd $(BUILD)/server/kvickd-asan $(BUILD)/server/fake_worker \
	$(BUILD)/kvick $(BUILD)/kvick-snapshot $(BUILD)/kvick-worker \
	$(addprefix $(BUILD)/guests/,$(addsuffix .elf,echo sum sha256 counter crasher sleeper))
