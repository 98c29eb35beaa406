# SPDX-License-Identifier: Apache-2.0
# A server for the client's tests, and the client with sanitizers.

$(BUILD)/client-tests/serve: tests/client/serve.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -no-pie -o $@ $<

$(BUILD)/client-tests/kvick-client: $(call objects,asan,$(CLIENT_SOURCES))
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -o $@ $^ $(CLIENT_LIBS)

.PHONY: client-build
client-build: $(BUILD)/kvick $(BUILD)/kvick-client $(BUILD)/kvickd $(BUILD)/server/fake_worker \
	$(BUILD)/client-tests/serve $(BUILD)/client-tests/kvick-client
