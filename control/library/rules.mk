# SPDX-License-Identifier: Apache-2.0
#
# libkvick: kvick's machines for programs. A part of the top Makefile, after the launcher's rules.
#
# Out: library            $(BUILD)/libkvick.a, $(BUILD)/libkvick.so.0 and libkvick.so, which names it
#      LIBRARY_OBJECTS    what they are made of
#      library-install    these, the header and kvick.pc, to $(DESTDIR)$(PREFIX)

LIBRARY_VERSION = $(shell sed -n 's/^.define KVICK_VERSION "\(.*\)"/\1/p' control/version.h)
# Goes up when a program that was linked with the old one would not work with the new one.
LIBRARY_SONAME := libkvick.so.0

LIBRARY_CFLAGS := $(filter-out -fno-pie,$(CFLAGS)) -fPIC -fvisibility=hidden -DKVICK_RESETS
$(eval $(call variant,library,$(CC) $(LIBRARY_CFLAGS)))

LIBRARY_SOURCES := $(VMM_SOURCES) $(VIRTIO_SOURCES) $(LOADER_SOURCES) $(wildcard control/library/*.c)
LIBRARY_OBJECTS := $(call objects,library,$(LIBRARY_SOURCES))

.PHONY: library library-install
library: $(BUILD)/libkvick.a $(BUILD)/libkvick.so

# One object, in which nothing but the interface has a name: kvick's others clash with nobody's, nor do liburing's, which is in it.
# What attributes of the launcher put into a section of their own is constant once it is relocated.
$(BUILD)/library/kvick.o: $(LIBRARY_OBJECTS) control/library/rules.mk
	ld -r -o $@.new $(filter %.o,$^) $(LIBURING)
	objcopy --wildcard --keep-global-symbol='kvick_*' --rename-section cold_rodata=.data.rel.ro.cold $@.new $@
	rm $@.new

$(BUILD)/libkvick.a: $(BUILD)/library/kvick.o
	rm -f $@
	ar rcs $@ $<

$(BUILD)/$(LIBRARY_SONAME): $(BUILD)/library/kvick.o
	$(CC) -shared -Wl,-soname,$(LIBRARY_SONAME) -Wl,-z,defs -Wl,-z,text -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack \
		-Wl,--gc-sections -s -o $@ $<

$(BUILD)/libkvick.so: $(BUILD)/$(LIBRARY_SONAME)
	ln -sf $(LIBRARY_SONAME) $@

library-install: library
	install -Dm644 include/kvick.h $(DESTDIR)$(PREFIX)/include/kvick.h
	install -Dm644 $(BUILD)/libkvick.a $(DESTDIR)$(PREFIX)/lib/libkvick.a
	install -Dm755 $(BUILD)/$(LIBRARY_SONAME) $(DESTDIR)$(PREFIX)/lib/$(LIBRARY_SONAME)
	ln -sf $(LIBRARY_SONAME) $(DESTDIR)$(PREFIX)/lib/libkvick.so
	@mkdir -p $(DESTDIR)$(PREFIX)/lib/pkgconfig
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(LIBRARY_VERSION)|' control/library/kvick.pc.in \
		>$(DESTDIR)$(PREFIX)/lib/pkgconfig/kvick.pc
