/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/host_cache.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>

#include <kvick/hypercall.h>

#include "vmm/cpu_model.h"
#include "vmm/guest_mem.h"
#include "vmm/error.h"
#include "vmm/host_probe.h"
#include "vmm/kvm.h"
#include "vmm/sys.h"

/* The file: one of these, of a fixed form, because every launch reads it. */
struct record {
	char magic[16];
	uint64_t kvm_device, kvm_inode; /* the /dev/kvm that this was measured on */
	int64_t kvm_made_s, kvm_made_ns;
	uint64_t ring0_insn_ps, ring3_insn_ps;
	uint32_t run_bytes, doorbell, tss_available, reserved;
	uint64_t check; /* of all before it */
};

#define MAGIC "kvick facts 002\n"

_Static_assert(sizeof(MAGIC) - 1 == sizeof(((struct record *)0)->magic), "the magic fills its field");
_Static_assert(sizeof(struct record) == 88, "no padding");

#define RUN_BYTES_MAX (1u << 20)

#define PLACES 3
#define FACTS "/host-facts"
#define CPUID "/host-cpuid"
#define FOLDER_BYTES (HOST_CACHE_PATH_BYTES - 32) /* leaves room for a file's name */

/* Without asking the kernel: nothing here changes its user. */
static uid_t user(void)
{
	return (uid_t)getauxval(AT_EUID);
}

/* a, then b; false where they do not fit. */
static bool join(char path[FOLDER_BYTES], const char *a, const char *b)
{
	size_t a_bytes = strlen(a), b_bytes = strlen(b);

	if (a_bytes + b_bytes >= FOLDER_BYTES)
		return false;
	memcpy(path, a, a_bytes);
	memcpy(path + a_bytes, b, b_bytes + 1);
	return true;
}

/* The i-th folder to look in; false where this user has none such. */
static bool folder(unsigned i, char path[FOLDER_BYTES])
{
	const char *chosen = getenv("KVICK_HOST_FACTS"), *runtime = getenv("XDG_RUNTIME_DIR");

	if (chosen && chosen[0] != '\0')
		return i == 0 && chosen[0] == '/' && join(path, chosen, "");
	if (i == 0)
		return runtime && runtime[0] == '/' && join(path, runtime, "/kvick");
	if (i == 1)
		return user() == 0 && join(path, "/run", "/kvick");
	snprintf(path, FOLDER_BYTES, "/dev/shm/kvick-%u", (unsigned)user());
	return true;
}

/* Not against malice (nobody else can write the file), but against what disks and tools do to files. */
static inline uint64_t sum_of(const uint64_t *words, size_t count)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum = (sum ^ words[i]) * 0x9e3779b97f4a7c15;
	return sum;
}

static uint64_t check_of(const struct record *record)
{
	uint64_t words[offsetof(struct record, check) / sizeof(uint64_t)];

	memcpy(words, record, sizeof(words));
	return sum_of(words, sizeof(words) / sizeof(words[0]));
}

static bool fill(struct record *record, const struct kvm *kvm, const struct host_facts *facts, struct sys *sys)
{
	struct stat st;

	if (sys_fstat(sys, kvm->fd, &st) < 0)
		return false;
	*record = (struct record){
		.kvm_device = st.st_rdev,
		.kvm_inode = st.st_ino,
		.kvm_made_s = st.st_ctim.tv_sec,
		.kvm_made_ns = st.st_ctim.tv_nsec,
		.ring0_insn_ps = facts->ring0_insn_ps,
		.ring3_insn_ps = facts->ring3_insn_ps,
		.run_bytes = (uint32_t)facts->run_bytes,
		.doorbell = facts->doorbell,
		.tss_available = facts->tss_available,
	};
	memcpy(record->magic, MAGIC, sizeof(record->magic));
	record->check = check_of(record);
	return true;
}

/* Only this user may have written it. */
static bool own(int fd, mode_t type, struct sys *sys)
{
	struct stat st;

	return sys_fstat(sys, fd, &st) == 0 && (st.st_mode & S_IFMT) == type && st.st_uid == user() &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH));
}

/* Right only if it is, to the byte, what would be written of these facts and this /dev/kvm. */
static bool take(const struct record *record, const struct kvm *kvm, struct host_facts *facts, struct sys *sys)
{
	struct record same;

	*facts = (struct host_facts){
		.ring0_insn_ps = record->ring0_insn_ps,
		.ring3_insn_ps = record->ring3_insn_ps,
		.ring0_native = record->ring0_insn_ps <= RING0_NATIVE_PS_MAX,
		.tss_available = record->tss_available != 0,
		.doorbell = record->doorbell,
		.run_bytes = record->run_bytes,
	};
	if (record->doorbell <= KVICK_DOORBELL_VMMCALL && record->run_bytes >= sizeof(struct kvm_run) &&
	    record->run_bytes <= RUN_BYTES_MAX && record->run_bytes % GUEST_PAGE_BYTES == 0 &&
	    fill(&same, kvm, facts, sys) && memcmp(record, &same, sizeof(same)) == 0)
		return true;
	*facts = (struct host_facts){ 0 };
	return false;
}

/* What is in the file of that name in the i-th folder, if nobody else can have written it; 0: nothing. */
static size_t read_file(unsigned i, const char *name, void *into, size_t bytes, struct sys *sys)
{
	char path[HOST_CACHE_PATH_BYTES];
	ssize_t n = 0;
	int fd;

	if (!folder(i, path))
		return 0;
	strcat(path, name);
	fd = sys_open(sys, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd < 0)
		return 0;
	if (own(fd, S_IFREG, sys))
		n = sys_read(sys, fd, into, bytes);
	sys_close(sys, fd);
	return n > 0 ? (size_t)n : 0;
}

bool host_cache_read(const struct kvm *kvm, struct host_facts *facts, struct sys *sys)
{
	struct {
		struct record record;
		uint8_t more; /* too much is as wrong as too little */
	} file;

	*facts = (struct host_facts){ 0 };
	for (unsigned i = 0; i < PLACES; i++)
		if (read_file(i, FACTS, &file, sizeof(file), sys) == sizeof(file.record) && take(&file.record, kvm, facts, sys))
			return true;
	return false;
}

/* Is it there, or made, and nobody else's? /dev/shm is everybody's, and a name in it may be a trap. */
static COLD bool folder_ready(const char *path, struct sys *sys)
{
	sys_mkdir(sys, path, 0700);
	int fd = sys_open(sys, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW, 0);
	bool ready = fd >= 0 && own(fd, S_IFDIR, sys);

	if (fd >= 0)
		sys_close(sys, fd);
	return ready;
}

static COLD bool write_in(const char folder_path[FOLDER_BYTES], const char *name, const void *record, size_t bytes,
			  char path[HOST_CACHE_PATH_BYTES], struct sys *sys)
{
	char fresh[HOST_CACHE_PATH_BYTES];
	ssize_t written;
	int fd;

	snprintf(path, HOST_CACHE_PATH_BYTES, "%s%s", folder_path, name);
	snprintf(fresh, sizeof(fresh), "%s/.%ld", folder_path, (long)getpid());
	sys_unlink(sys, fresh); /* left by one who was killed, and had the same number */
	fd = sys_open(sys, fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return false;
	written = sys_write(sys, fd, record, bytes);
	sys_close(sys, fd);
	if (written == (ssize_t)bytes && sys_rename(sys, fresh, path) == 0)
		return true;
	sys_unlink(sys, fresh);
	return false;
}

static COLD bool write_file(const char *name, const void *record, size_t bytes, char *path, struct sys *sys)
{
	char where[FOLDER_BYTES], written[HOST_CACHE_PATH_BYTES];

	for (unsigned i = 0; i < PLACES; i++)
		if (folder(i, where) && folder_ready(where, sys) &&
		    write_in(where, name, record, bytes, path ? path : written, sys))
			return true;
	return false;
}

COLD bool host_cache_write(const struct kvm *kvm, const struct host_facts *facts, char *path, struct sys *sys)
{
	struct record record;

	return fill(&record, kvm, facts, sys) && write_file(FACTS, &record, sizeof(record), path, sys);
}

/* ---- KVM_GET_SUPPORTED_CPUID, for launches that want it ---- */

struct cpuid_header {
	char magic[16];
	uint64_t kvm_device, kvm_inode; /* as above */
	int64_t kvm_made_s, kvm_made_ns;
	uint64_t check; /* of the table, as far as it goes */
};

struct cpuid_record {
	struct cpuid_header header;
	struct cpu_table table;
};

#define CPUID_MAGIC "kvick cpuid 001\n"

_Static_assert(sizeof(CPUID_MAGIC) - 1 == sizeof(((struct cpuid_header *)0)->magic), "the magic fills its field");
_Static_assert(sizeof(struct kvm_cpuid_entry2) % sizeof(uint64_t) == 0, "words");

static size_t cpuid_bytes(uint32_t count)
{
	return offsetof(struct cpuid_record, table.entries) + count * sizeof(struct kvm_cpuid_entry2);
}

static COLD uint64_t cpuid_check(const struct cpu_table *table)
{
	const uint64_t *words = (const void *)table;

	return sum_of(words, (offsetof(struct cpu_table, entries) + table->count * sizeof(table->entries[0])) / sizeof(words[0]));
}

static COLD bool cpuid_fill(struct cpuid_header *header, const struct kvm *kvm, const struct cpu_table *table, struct sys *sys)
{
	struct stat st;

	if (sys_fstat(sys, kvm->fd, &st) < 0)
		return false;
	*header = (struct cpuid_header){
		.kvm_device = st.st_rdev,
		.kvm_inode = st.st_ino,
		.kvm_made_s = st.st_ctim.tv_sec,
		.kvm_made_ns = st.st_ctim.tv_nsec,
		.check = cpuid_check(table),
	};
	memcpy(header->magic, CPUID_MAGIC, sizeof(header->magic));
	return true;
}

COLD bool host_cache_read_cpuid(const struct kvm *kvm, struct cpu_table *table, struct sys *sys)
{
	struct cpuid_record file; /* of which only the beginning is touched */
	struct cpuid_header same;

	for (unsigned i = 0; i < PLACES; i++) {
		size_t n = read_file(i, CPUID, &file, sizeof(file), sys);

		if (n < cpuid_bytes(1) || file.table.count > CPU_ENTRIES_MAX || n != cpuid_bytes(file.table.count) ||
		    !cpuid_fill(&same, kvm, &file.table, sys) || memcmp(&file.header, &same, sizeof(same)) != 0)
			continue;
		memcpy(table, &file.table, n - offsetof(struct cpuid_record, table));
		return true;
	}
	return false;
}

COLD void host_cache_write_cpuid(const struct kvm *kvm, const struct cpu_table *table, struct sys *sys)
{
	struct cpuid_record record = { .table = *table };

	if (cpuid_fill(&record.header, kvm, table, sys))
		write_file(CPUID, &record, cpuid_bytes(table->count), NULL, sys);
}

/* ---- scans of images ---- */

struct scan_key {
	char magic[16];
	uint64_t text; /* a sum of it */
	uint64_t device, inode, bytes;
	int64_t modified_s, modified_ns, changed_s, changed_ns;
};

struct scan_record {
	struct scan_key key;
	uint64_t count, check;
	uint64_t sites[HOST_CACHE_SITES_MAX];
};

/* Of another scanner, or of other instructions to patch, it is another number. */
#define SCAN_MAGIC "kvick scan 0002\n"

_Static_assert(sizeof(SCAN_MAGIC) - 1 == sizeof(((struct scan_key *)0)->magic), "the magic fills its field");

/* Times of files have the coarseness of the kernel's tick; this is more than any. */
#define SETTLED_S 2

#define SCAN_NAME_BYTES 16

/* So many files at most: another image's goes where its own would. */
static void scan_name(const struct scan_key *key, char name[SCAN_NAME_BYTES])
{
	uint64_t words[sizeof(*key) / sizeof(uint64_t)];

	memcpy(words, key, sizeof(words));
	memcpy(name, "/scan-00", 9);
	name[6] += (char)(sum_of(words, sizeof(words) / sizeof(words[0])) >> 61);
	name[7] += (char)(sum_of(words, sizeof(words) / sizeof(words[0])) >> 58 & 7);
}

static bool scan_key(int fd, uint64_t text, struct scan_key *key, struct sys *sys)
{
	struct stat st;

	if (sys_fstat(sys, fd, &st) < 0)
		return false;
	*key = (struct scan_key){
		.text = text, .device = st.st_dev, .inode = st.st_ino, .bytes = (uint64_t)st.st_size,
		.modified_s = st.st_mtim.tv_sec, .modified_ns = st.st_mtim.tv_nsec,
		.changed_s = st.st_ctim.tv_sec, .changed_ns = st.st_ctim.tv_nsec,
	};
	memcpy(key->magic, SCAN_MAGIC, sizeof(key->magic));
	return true;
}

bool host_cache_read_scan(int image_fd, uint64_t text, uint64_t *sites, unsigned *count, struct sys *sys)
{
	struct scan_record file; /* of which only the beginning is touched */
	char name[SCAN_NAME_BYTES];
	struct scan_key key;

	*count = 0;
	if (!scan_key(image_fd, text, &key, sys))
		return false;
	scan_name(&key, name);
	for (unsigned i = 0; i < PLACES; i++) {
		size_t n = read_file(i, name, &file, sizeof(file), sys), head = offsetof(struct scan_record, sites);

		if (n < head || file.count > HOST_CACHE_SITES_MAX || n != head + file.count * sizeof(file.sites[0]) ||
		    memcmp(&file.key, &key, sizeof(key)) != 0 || file.check != sum_of(file.sites, file.count))
			continue;
		memcpy(sites, file.sites, n - head);
		*count = (unsigned)file.count;
		return true;
	}
	return false;
}

COLD void host_cache_write_scan(int image_fd, uint64_t text, const uint64_t *sites, unsigned count, struct sys *sys)
{
	struct scan_record record;
	char name[SCAN_NAME_BYTES];
	struct timespec now;

	if (count > HOST_CACHE_SITES_MAX || !scan_key(image_fd, text, &record.key, sys) ||
	    sys_clock_gettime(sys, CLOCK_REALTIME, &now) < 0 || now.tv_sec - record.key.changed_s < SETTLED_S)
		return;
	scan_name(&record.key, name);
	record.count = count;
	record.check = sum_of(sites, count);
	memcpy(record.sites, sites, count * sizeof(sites[0]));
	write_file(name, &record, offsetof(struct scan_record, sites) + count * sizeof(sites[0]), NULL, sys);
}
