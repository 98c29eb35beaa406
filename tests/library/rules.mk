# SPDX-License-Identifier: Apache-2.0
#
# Tests of libkvick: each program with the sanitizers and fault injection, and as a user of the static library. A part of the top
# Makefile, after tests/unit/rules.mk, whose sanitized objects it links.
#
# Out: library-tests      builds them
#      LIBRARY_TESTS      $(BUILD)/library-tests/test_NAME, test_NAME_static, and test_NAME_tsan of what has threads

LIBRARY_TEST_NAMES := $(patsubst tests/library/%.c,%,$(wildcard tests/library/test_*.c))
# Of these there is one build: what fails on purpose is in the other; a sanitizer makes calls that no filter has.
LIBRARY_TESTS := $(patsubst %,$(BUILD)/library-tests/%,$(filter-out test_sandbox,$(LIBRARY_TEST_NAMES))) \
	$(patsubst %,$(BUILD)/library-tests/%_static,$(filter-out test_faults,$(LIBRARY_TEST_NAMES))) \
	$(BUILD)/library-tests/test_many_tsan $(BUILD)/library-tests/test_ends_tsan

.SECONDARY: $(call objects,asan,$(wildcard tests/library/test_*.c control/library/*.c)) \
	$(call objects,tsan,tests/library/test_many.c tests/library/test_ends.c $(wildcard control/library/*.c))

$(BUILD)/library-tests/%: $(BUILD)/asan/tests/library/%.c.o \
		$(call objects,asan,$(VMM_SOURCES) $(VIRTIO_SOURCES) $(LOADER_SOURCES) $(wildcard control/library/*.c))
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -o $@ $^ $(LIBURING) -lcmocka

$(BUILD)/library-tests/%_static: tests/library/%.c tests/library/fixture.h tests/unit/test_unit.h include/kvick.h \
		$(BUILD)/libkvick.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -std=gnu17 -O2 $(WARNINGS) -o $@ $< $(BUILD)/libkvick.a -lcmocka

$(BUILD)/library-tests/%_tsan: $(BUILD)/tsan/tests/library/%.c.o \
		$(call objects,tsan,$(VMM_SOURCES) $(VIRTIO_SOURCES) $(LOADER_SOURCES) $(wildcard control/library/*.c))
	@mkdir -p $(@D)
	$(CC) $(TSAN_CFLAGS) -o $@ $^ $(LIBURING) -lcmocka

.PHONY: library-tests
library-tests: library $(LIBRARY_TESTS)
