# SPDX-License-Identifier: Apache-2.0
#
# kvick-worker, the jailed process of one function. A part of the top Makefile.
#
# Out: $(BUILD)/kvick-worker
#
# glibc, for its threads: musl's start with a lock that all share, and their stacks cannot be given back.

# It lives long and looks at hostile images: at a place of chance, unlike the launcher.
WORKER_CFLAGS := $(filter-out -fno-pie,$(CFLAGS)) -fPIE -DKVICK_RESETS

$(eval $(call variant,worker,$(CC) $(WORKER_CFLAGS)))

WORKER_SOURCES := $(wildcard control/worker/*.c)
WORKER_SHARED := $(VMM_SOURCES) $(VIRTIO_SOURCES) $(LOADER_SOURCES) control/crash_report.c control/text.c

$(BUILD)/kvick-worker: $(call objects,worker,$(WORKER_SOURCES) $(WORKER_SHARED))
	$(CC) $(WORKER_CFLAGS) -static-pie -Wl,--gc-sections -Wl,-z,relro,-z,now -o $@ $^ $(LIBURING)
