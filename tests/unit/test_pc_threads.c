/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PC's two threads: this one is the vCPU and does whatever comes to mind, while the other completes I/O. Built with the thread
 * sanitizer, too.
 */
#include "tests/unit/test_pc.h"

#include <dirent.h>

#define ROUNDS     300u
#define QUEUE_SIZE 8u
#define DESC       0x10000ull /* a page for each area of a device's queue, from here on */
#define DATA       0x20000ull /* a page for each device */

#define STATUS     0x70
#define NOTIFY     0x50

static uint64_t random_state = 88172645463325252;

/* xorshift: the same at each run. */
static uint64_t garbage(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static uint64_t window(unsigned device)
{
	return PC_VIRTIO + device * PC_VIRTIO_BYTES;
}

static uint64_t area(unsigned device, unsigned which)
{
	return DESC + (device * 3 + which) * 4096;
}

/* The kernel and the other thread write there. */
static uint16_t used_index(const struct fixture *f, unsigned device)
{
	return __atomic_load_n((const uint16_t *)(f->m.mem.host + area(device, 2) + 2), __ATOMIC_ACQUIRE);
}

static void reset_device(struct fixture *f, unsigned device)
{
	write_memory(f, window(device) + STATUS, 4, 0);
	while (read_memory(f, window(device) + STATUS, 4))
		usleep(10);
}

/* As a driver should: virtio 1.2, 3.1.1. */
static void start_device(struct fixture *f, unsigned device)
{
	const uint64_t base = window(device);

	reset_device(f, device);
	for (unsigned i = 0; i < 3; i++)
		memset(f->m.mem.host + area(device, i), 0, 4096);
	write_memory(f, base + STATUS, 4, 3);
	write_memory(f, base + 0x24, 4, 1);
	write_memory(f, base + 0x20, 4, 1);
	write_memory(f, base + STATUS, 4, 11);
	write_memory(f, base + 0x30, 4, 0);
	write_memory(f, base + 0x38, 4, QUEUE_SIZE);
	for (unsigned i = 0; i < 3; i++)
		write_memory(f, base + 0x80 + i * 0x10, 4, area(device, i));
	write_memory(f, base + 0x44, 4, 1);
	write_memory(f, base + STATUS, 4, 15);
	assert_int_equal(read_memory(f, base + STATUS, 4), 15);
}

static void describe(struct fixture *f, unsigned device, unsigned i, uint64_t address, uint32_t bytes, unsigned flags)
{
	const struct { uint64_t address; uint32_t bytes; uint16_t flags, next; } desc = {
		address, bytes, (uint16_t)flags, (uint16_t)(i + 1),
	};

	memcpy(f->m.mem.host + area(device, 0) + i * sizeof(desc), &desc, sizeof(desc));
}

/* 64 random bytes, or a sector of the disk. */
static void offer(struct fixture *f, unsigned device)
{
	uint8_t *avail = f->m.mem.host + area(device, 1);
	const uint64_t data = DATA + device * 4096;
	uint16_t index;

	if (device == 1) {
		memset(f->m.mem.host + data, 0, 16); /* VIRTIO_BLK_T_IN, sector 0 */
		describe(f, device, 0, data, 16, 1);
		describe(f, device, 1, data + 512, 512, 3);
		describe(f, device, 2, data + 16, 1, 2);
	} else {
		describe(f, device, 0, data, 64, 2);
	}
	memcpy(&index, avail + 2, sizeof(index));
	memset(avail + 4 + index % QUEUE_SIZE * 2, 0, 2);
	__atomic_store_n((uint16_t *)(avail + 2), (uint16_t)(index + 1), __ATOMIC_RELEASE);
	write_memory(f, window(device) + NOTIFY, 4, 0);
}

static void every_request_ends_with_an_interrupt(void **state)
{
	struct fixture *f = *state;

	for (unsigned device = 0; device < 3; device++) {
		route(f, PC_IRQ_VIRTIO + device, 0x50 + device);
		start_device(f, device);
	}
	for (unsigned i = 1; i <= ROUNDS; i++)
		for (unsigned device = 0; device < 3; device++) {
			unsigned before = f->messages;

			offer(f, device);
			while (used_index(f, device) != (uint16_t)i || f->messages == before)
				usleep(10);
			assert_int_equal(f->last_vector, 0x50 + device);
			write_memory(f, window(device) + 0x64, 4, 1);
		}
	assert_int_equal(f->messages, 3 * ROUNDS);
}

static void *raise_often(void *of)
{
	struct fixture *f = of;
	struct pc *pc = f->m.pc;

	for (unsigned i = 1; i <= ROUNDS; i++) {
		pthread_mutex_lock(&pc->lock);
		pc->line.raise(&pc->line, f->m.devices.list[0]);
		pthread_mutex_unlock(&pc->lock);
		while (atomic_load(&f->interrupts) < i)
			usleep(10);
	}
	return NULL;
}

/* A vCPU that sleeps inside KVM is told: the line is up, and then immediate_exit is set. */
static void an_interrupt_of_the_8259_gets_the_vcpu_out(void **state)
{
	static const struct { uint16_t port; uint8_t value; } words[] = {
		{ 0x20, 0x11 }, { 0x21, 0x20 }, { 0x21, 4 }, { 0x21, 3 }, { 0x21, 0 },
	};
	struct fixture *f = *state;
	pthread_t thread;

	for (size_t i = 0; i < COUNT_OF(words); i++)
		out(f, words[i].port, 1, words[i].value);
	assert_int_equal(pthread_create(&thread, NULL, raise_often, f), 0);
	while (f->interrupts < ROUNDS) {
		f->m.vcpu.run->ready_for_interrupt_injection = 1;
		pc_enter(&f->m);
		while (f->interrupts < ROUNDS && !*(volatile uint8_t *)&f->m.vcpu.run->immediate_exit)
			usleep(10);
	}
	pthread_join(thread, NULL);
	assert_int_equal(f->interrupt_vector, 0x20 + PC_IRQ_VIRTIO);
}

/* THREATS 4. */
static void a_reset_is_over_when_nothing_is_in_flight(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned device = i % 3;
		uint16_t used;

		start_device(f, device);
		for (unsigned k = 0; k < garbage() % 4; k++)
			offer(f, device);
		reset_device(f, device);
		used = used_index(f, device);
		memset(f->m.mem.host + DATA + device * 4096, 0x77, 4096);
		if (i % 16 == 0)
			usleep(1000);
		assert_int_equal(used_index(f, device), used);
		for (unsigned k = 0; k < 4096; k++)
			assert_int_equal(f->m.mem.host[DATA + device * 4096 + k], 0x77);
	}
}

/* THREATS 4: as Linux does it, which does not read the status back. */
static void a_reset_is_over_when_it_is_written(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < ROUNDS; i++) {
		start_device(f, 1);
		for (unsigned k = 0; k <= garbage() % 4; k++)
			offer(f, 1);
		write_memory(f, window(1) + STATUS, 4, 0);
		memset(f->m.mem.host + DATA + 4096, 0x77, 4096);
		assert_int_equal(read_memory(f, window(1) + STATUS, 4), 0);
		write_memory(f, window(1) + STATUS, 4, 1);
		assert_int_equal(read_memory(f, window(1) + STATUS, 4), 1);
		for (unsigned k = 0; k < 4096; k++)
			assert_int_equal(f->m.mem.host[DATA + 4096 + k], 0x77);
	}
}

/* From here on nobody completes anything. */
static void end_completion(struct fixture *f)
{
	struct pc *pc = f->m.pc;

	pthread_mutex_lock(&pc->lock);
	pc->ending = true;
	devices_wake(&f->m.devices);
	pthread_mutex_unlock(&pc->lock);
	pthread_join(pc->completion, NULL);
	pc->completing = false;
}

static void *complete_once(void *of)
{
	struct fixture *f = of;

	usleep(20000);
	while (devices_complete(&f->m.devices) == 0) /* woken, perhaps, for the thread that has ended */
		;
	return NULL;
}

/* THREATS 4: a disk that takes its time. */
static void a_reset_waits_for_what_is_in_flight(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;

	start_device(f, 1);
	end_completion(f);
	offer(f, 1);
	assert_int_equal(used_index(f, 1), 0);
	assert_int_equal(pthread_create(&thread, NULL, complete_once, f), 0);
	write_memory(f, window(1) + STATUS, 4, 0);
	assert_int_equal(read_memory(f, window(1) + STATUS, 4), 0);
	pthread_join(thread, NULL);
	assert_int_equal(used_index(f, 1), 0);
	start_device(f, 1);
}

static void on_alarm(int signal)
{
	fake->stop.signal = signal;
}

/* THREATS 4: a disk that has hung must not keep the guest from being ended. */
static void a_reset_that_waits_ends_with_the_guest(void **state)
{
	/* Again and again: a signal just before the system call is not seen by it. */
	const struct itimerval soon = { { 0, 20000 }, { 0, 20000 } }, never = { 0 };
	struct fixture *f = *state;

	start_device(f, 1);
	end_completion(f);
	offer(f, 1);
	signal(SIGALRM, on_alarm);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	write_memory(f, window(1) + STATUS, 4, 0);
	assert_int_equal(f->stop.signal, SIGALRM);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	signal(SIGALRM, SIG_IGN);
	assert_int_not_equal(read_memory(f, window(1) + STATUS, 4), 0);
}

/* A bit a signal, from a thread's status. */
static unsigned long long blocked(const char *task)
{
	unsigned long long mask = 0;
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%.20s/status", task);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "SigBlk: %llx", &mask);
	if (file)
		fclose(file);
	return mask;
}

static bool blocks(unsigned long long mask, int signal)
{
	return mask >> (signal - 1) & 1;
}

/* Threads that take these faults and not the vCPU's signals. Others block none, or all: the kernel's workers, a sanitizer's. */
static unsigned fault_takers(void)
{
	static const int faults[] = { SIGBUS, SIGSEGV, SIGILL, SIGFPE };
	const struct dirent *entry;
	DIR *tasks = opendir("/proc/self/task");
	unsigned found = 0;

	assert_non_null(tasks);
	while ((entry = readdir(tasks))) {
		unsigned long long mask = blocked(entry->d_name);
		unsigned taken = 0;

		for (size_t i = 0; i < COUNT_OF(faults); i++)
			taken += !blocks(mask, faults[i]);
		found += blocks(mask, SIGTERM) && blocks(mask, SIGALRM) && taken == COUNT_OF(faults);
	}
	closedir(tasks);
	return found;
}

/* A fault of its own must come to the handler, which sets the terminal back; others' signals are the vCPU's. */
static void the_second_thread_takes_faults_alone(void **state)
{
	(void)state;
	/* The C library blocks everything until a thread has begun. */
	for (unsigned i = 0; i < 5000 && fault_takers() == 0; i++)
		usleep(1000);
	assert_int_equal(fault_takers(), 1);
}

static void com1_and_the_ioapic_are_used_meanwhile(void **state)
{
	struct fixture *f = *state;

	start_device(f, 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		offer(f, 0);
		route(f, (unsigned)(garbage() % IOAPIC_PINS), (uint32_t)garbage() & 0x1ffff);
		out(f, PC_PORT_COM1 + 1, 1, (uint32_t)garbage());
		out(f, PC_PORT_COM1, 1, '.');
		f->m.vcpu.run->eoi.vector = (uint8_t)garbage();
		pc_eoi(&f->m);
		pc_drain(&f->m);
		pc_tick(&f->m);
		while (used_index(f, 0) != (uint16_t)(i + 1))
			usleep(10);
	}
}

/* THREATS 3: offsets, widths and values of any kind, most where there is something. */
static void registers_take_anything(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 20 * ROUNDS; i++) {
		const uint64_t at = garbage() % 16 ? window(garbage() % 3) + garbage() % 0x110 / (i % 4 ? 4 : 1) * (i % 4 ? 4 : 1) :
				    garbage() % 2 ? IOAPIC_BASE + garbage() % 0x48 : PC_VIRTIO - 8 + garbage() % 0x11000;
		const unsigned bytes = i % 8 ? 4 : 1u << garbage() % 4;
		const uint64_t values[] = { 0, 1, garbage() % 16, garbage() % RAM, garbage() };

		if (i % 100 == 0)
			start_device(f, (unsigned)(garbage() % 3));
		if (i % 10 == 0)
			offer(f, (unsigned)(garbage() % 3));
		if (garbage() % 2)
			write_memory(f, at, bytes, values[garbage() % COUNT_OF(values)]);
		else
			read_memory(f, at, bytes);
	}
	for (unsigned device = 0; device < 3; device++) {
		start_device(f, device);
		offer(f, device);
		while (used_index(f, device) != 1)
			usleep(10);
	}
}

/* THREATS 4. */
static void its_end_waits_for_what_is_in_flight(void **state)
{
	struct fixture *f = *state;

	for (unsigned device = 0; device < 3; device++) {
		start_device(f, device);
		for (unsigned i = 0; i < 4; i++)
			offer(f, device);
	}
	pc_destroy(&f->m);
	assert_null(f->m.pc);
	assert_null(f->m.devices.engine);
	memset(f->m.mem.host + DATA, 0x77, 3 * 4096);
	usleep(1000);
	for (unsigned i = 0; i < 3 * 4096; i++)
		assert_int_equal(f->m.mem.host[DATA + i], 0x77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_request_ends_with_an_interrupt),
		TEST(an_interrupt_of_the_8259_gets_the_vcpu_out),
		TEST(a_reset_is_over_when_nothing_is_in_flight),
		TEST(a_reset_is_over_when_it_is_written),
		TEST(a_reset_waits_for_what_is_in_flight),
		TEST(a_reset_that_waits_ends_with_the_guest),
		TEST(the_second_thread_takes_faults_alone),
		TEST(com1_and_the_ioapic_are_used_meanwhile),
		TEST(registers_take_anything),
		TEST(its_end_waits_for_what_is_in_flight),
	};
	struct engine *engine;
	struct error error = { 0 };
	struct sys sys = { 0 };
	int failed;

	setvbuf(stdout, NULL, _IOLBF, 0); /* a hang shows where it is */
	signal(SIGALRM, SIG_IGN);         /* of pc_drain() */
	kind = ENGINE_SYNC;
	failed = cmocka_run_group_tests_name("a PC's threads, plain system calls", tests, NULL, NULL);
	kind = ENGINE_IO_URING;
	if (engine_create(&engine, &(struct engine_config){ .kind = kind, .depth = 1 }, &sys, &error) < 0) {
		printf("# no io_uring: %s\n", error.text);
		return failed;
	}
	engine_destroy(engine);
	return failed + cmocka_run_group_tests_name("a PC's threads, io_uring", tests, NULL, NULL);
}
