/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: what it costs to have KVM run one guest instruction and be gone again.
 *
 *	floor [SIZE] [--ring 0|3] [--irqchip none|split] [--tss busy|available] [--loop N]
 *
 * SIZE is the guest's memory (16M; K, M, G). The bare calls, in the best order we know, with no
 * loader, no sandbox, and no check but that each call works. kvick is measured against it, so nothing
 * may be added here that makes it slower, and whatever makes it faster belongs in kvick too.
 *
 * --irqchip split asks for an in-kernel local APIC, which nobody uses. It is faster: creating a
 * vCPU without one, when no other such vCPU lives on the host, flips a static key
 * (kvm_has_noapic_vcpu), which rewrites kernel text on all CPUs; destroying it does so again.
 *
 * --tss available: QEMU's emulation of a processor looks at the I/O bitmap only of a TSS that is not busy, which
 * no processor in long mode has.
 *
 * --loop N: N such machines one after the other in this process; each prints the microseconds
 * from creation to exit, and those of its teardown.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "perf/bare_guest.h"

#define MAPPING_BYTES 4096 /* struct kvm_run lies in the first page of a vCPU's mapping */
#define LOOP_MAX 1000000

struct options {
	uint64_t bytes;
	unsigned ring, loops;
	int split, tss_available;
};

struct machine {
	int vm, vcpu;
	uint8_t *ram;
	struct kvm_run *run;
};

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void run(struct machine *m, int kvm, const struct options *options)
{
	static const uint8_t out[] = { 0xe6, BARE_PORT }; /* out %al, $PORT */
	struct kvm_userspace_memory_region slot = { .memory_size = options->bytes };
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };

	m->vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (m->vm < 0)
		fail("KVM_CREATE_VM");
	m->ram = mmap(NULL, options->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (m->ram == MAP_FAILED)
		fail("mmap");
	slot.userspace_addr = (uintptr_t)m->ram;
	if (ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &slot))
		fail("KVM_SET_USER_MEMORY_REGION");
	bare_guest_memory(m->ram, out, sizeof(out));
	if (options->split && ioctl(m->vm, KVM_ENABLE_CAP, &split))
		fail("KVM_CAP_SPLIT_IRQCHIP");
	m->vcpu = ioctl(m->vm, KVM_CREATE_VCPU, 0);
	if (m->vcpu < 0)
		fail("KVM_CREATE_VCPU");
	m->run = mmap(NULL, MAPPING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu, 0);
	if (m->run == MAP_FAILED)
		fail("mmap of the vCPU");
	bare_guest_registers(m->run, options->ring, options->tss_available);
	if (ioctl(m->vcpu, KVM_RUN, 0))
		fail("KVM_RUN");
	if (m->run->exit_reason != KVM_EXIT_IO || m->run->io.port != BARE_PORT) {
		fprintf(stderr, "floor: exit reason %u\n", m->run->exit_reason);
		exit(1);
	}
}

static void destroy(struct machine *m, const struct options *options)
{
	munmap(m->run, MAPPING_BYTES);
	close(m->vcpu);
	close(m->vm);
	munmap(m->ram, options->bytes);
}

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void usage(void)
{
	fputs("usage: floor [SIZE] [--ring 0|3] [--irqchip none|split] [--tss busy|available] [--loop N]\n", stderr);
	exit(2);
}

static uint64_t parse(const char *text, uint64_t least, uint64_t most)
{
	char *end;
	uint64_t value = strtoull(text, &end, 10);
	unsigned shift = *end == 'G' ? 30 : *end == 'M' ? 20 : *end == 'K' ? 10 : 0;

	if (end == text || end[shift != 0] || value > most >> shift || value << shift < least)
		usage();
	return value << shift;
}

int main(int argc, char **argv)
{
	struct options options = { .bytes = 16u << 20 };
	struct machine m;
	int kvm;

	for (int i = 1; i < argc; i++) {
		if (argv[i][0] != '-')
			options.bytes = parse(argv[i], 1u << 20, 1ull << 40) & ~4095ull;
		else if (i + 1 == argc)
			usage();
		else if (!strcmp(argv[i], "--ring") && (!strcmp(argv[i + 1], "0") || !strcmp(argv[i + 1], "3")))
			options.ring = (unsigned)(argv[++i][0] - '0');
		else if (!strcmp(argv[i], "--irqchip") && (!strcmp(argv[i + 1], "none") || !strcmp(argv[i + 1], "split")))
			options.split = argv[++i][0] == 's';
		else if (!strcmp(argv[i], "--tss") && (!strcmp(argv[i + 1], "busy") || !strcmp(argv[i + 1], "available")))
			options.tss_available = argv[++i][0] == 'a';
		else if (!strcmp(argv[i], "--loop"))
			options.loops = (unsigned)parse(argv[++i], 1, LOOP_MAX);
		else
			usage();
	}
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		fail("/dev/kvm");
	if (!options.loops) {
		run(&m, kvm, &options);
		_exit(0); /* the kernel takes it all down; closing by hand is not faster */
	}
	for (unsigned i = 0; i < options.loops; i++) {
		double start = now_us(), exited, gone;

		run(&m, kvm, &options);
		exited = now_us();
		destroy(&m, &options);
		gone = now_us();
		printf("%.1f %.1f\n", exited - start, gone - exited);
	}
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
