# SPDX-License-Identifier: Apache-2.0
#
# kvickd: an ordinary dynamic glibc program, because of its libraries.

SERVER_SOURCES := $(wildcard control/server/*.c) control/units.c vmm/error.c
SERVER_LIBRARIES := -lmicrohttpd -ljansson -lsystemd
SERVER_CFLAGS := -std=gnu17 -O2 -g $(WARNINGS) -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE

$(eval $(call variant,server,$(CC) $(SERVER_CFLAGS)))

$(BUILD)/kvickd: $(call objects,server,$(SERVER_SOURCES))
	$(CC) $(SERVER_CFLAGS) -pie -Wl,-z,relro,-z,now -o $@ $^ $(SERVER_LIBRARIES)
