# SPDX-License-Identifier: Apache-2.0
# kvick-client, a glibc program: libcurl and jansson are what makes it no part of the launcher.

CLIENT_SOURCES := $(wildcard control/client/*.c) control/commands.c control/options.c control/units.c vmm/error.c
CLIENT_LIBS := -lcurl -ljansson

# It may be exposed to a server of anybody's: at a random address.
$(eval $(call variant,client,$(CC) $(CFLAGS) -fPIE))

$(BUILD)/kvick-client: $(call objects,client,$(CLIENT_SOURCES))
	$(CC) $(CFLAGS) -pie -Wl,--gc-sections -Wl,-z,relro,-z,now -s -o $@ $^ $(CLIENT_LIBS)
