/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk without virtio, as Solo5's hvt has one: each block of 512 bytes is an exit of its own, in which the VMM reads it.
 *
 *	block_floor FILE [--ring 0|3] [--work N] [--random] [--write] [--seconds N]
 *
 * Prints blocks a second. A model of that path and less than it: the guest is one `out` and a jump back, there is no request to
 * write, to find or to check, the VMM knows which block is next. --work: N instructions more for each block, in pairs (Solo5's
 * guest side takes about 25). Solo5 runs its guests at ring 0; --ring 3 is what that would cost where ring 3 is the fast one.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "perf/bare_guest.h"

#define RAM_BYTES   (2u << 20)
#define DATA        0x10000 /* where the guest wants its blocks */
#define BLOCK_BYTES 512u

struct options {
	const char *path;
	unsigned ring, work;
	bool random, write;
	double seconds;
};

struct guest {
	int vcpu;
	uint8_t *ram;
	struct kvm_run *run;
};

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void make_guest(struct guest *guest, const struct options *options)
{
	/* 1: mov $rounds, %ecx; 2: dec %ecx; jnz 2b; out %al, $PORT; jmp 1b */
	uint8_t code[] = { 0xb9, 0, 0, 0, 0, 0xff, 0xc9, 0x75, 0xfc, 0xe6, BARE_PORT, 0xeb, 0xf3 };
	static const uint8_t alone[] = { 0xe6, BARE_PORT, 0xeb, 0xfc };
	uint32_t rounds = options->work / 2;
	struct kvm_userspace_memory_region slot = { .memory_size = RAM_BYTES };
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);

	if (vm < 0)
		fail("/dev/kvm");
	guest->ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (guest->ram == MAP_FAILED)
		fail("mmap");
	slot.userspace_addr = (uintptr_t)guest->ram;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot) || ioctl(vm, KVM_ENABLE_CAP, &split))
		fail("the VM");
	memcpy(code + 1, &rounds, sizeof(rounds));
	if (rounds)
		bare_guest_memory(guest->ram, code, sizeof(code));
	else
		bare_guest_memory(guest->ram, alone, sizeof(alone));
	guest->vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (guest->vcpu < 0)
		fail("KVM_CREATE_VCPU");
	guest->run = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, guest->vcpu, 0);
	if (guest->run == MAP_FAILED)
		fail("mmap of the vCPU");
	bare_guest_registers(guest->run, options->ring, 0);
}

static double now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t next_block(bool random, uint64_t blocks)
{
	static uint64_t next, state = 0x9e3779b97f4a7c15ull;

	state ^= state << 13; /* xorshift64, as in iobench */
	state ^= state >> 7;
	state ^= state << 17;
	return (random ? state : next++) % blocks;
}

static void serve(const struct guest *guest, int file, const struct options *options)
{
	uint64_t count = 0, blocks;
	double begin, end, until;
	struct stat st;

	if (fstat(file, &st) || st.st_size < BLOCK_BYTES)
		fail("the file's size");
	blocks = (uint64_t)st.st_size / BLOCK_BYTES;
	begin = end = now();
	for (until = begin + options->seconds; end < until; end = count % 64 ? end : now()) {
		off_t at = (off_t)(next_block(options->random, blocks) * BLOCK_BYTES);
		ssize_t n;

		if (ioctl(guest->vcpu, KVM_RUN, 0) || guest->run->exit_reason != KVM_EXIT_IO)
			fail("KVM_RUN");
		n = options->write ? pwrite(file, guest->ram + DATA, BLOCK_BYTES, at) :
				     pread(file, guest->ram + DATA, BLOCK_BYTES, at);
		if (n != BLOCK_BYTES)
			fail("the file");
		count++;
	}
	printf("%.0f\n", (double)count / (end - begin));
}

int main(int argc, char **argv)
{
	struct options options = { .ring = 3, .seconds = 1 };
	struct guest guest;
	int file;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--random"))
			options.random = true;
		else if (!strcmp(argv[i], "--write"))
			options.write = true;
		else if (!strcmp(argv[i], "--ring") && i + 1 < argc)
			options.ring = argv[++i][0] == '0' ? 0 : 3;
		else if (!strcmp(argv[i], "--work") && i + 1 < argc)
			options.work = (unsigned)strtoul(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "--seconds") && i + 1 < argc)
			options.seconds = strtod(argv[++i], NULL);
		else
			options.path = argv[i];
	}
	if (!options.path || options.seconds <= 0) {
		fputs("usage: block_floor FILE [--ring 0|3] [--work N] [--random] [--write] [--seconds N]\n", stderr);
		return 2;
	}
	file = open(options.path, options.write ? O_RDWR : O_RDONLY);
	if (file < 0)
		fail(options.path);
	make_guest(&guest, &options);
	serve(&guest, file, &options);
	return 0;
}
