/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/pc/pc.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/console.h"
#include "vmm/machine.h"
#include "vmm/pc/layout.h"
#include "vmm/pc/pc_private.h"

/* ---- COM1 ---- */

/* COM1 belongs to the vCPU's thread, which does not hold the lock here. */
static void interrupt_of_serial(const struct serial_host *host, bool up)
{
	struct pc *pc = ((struct machine *)host->context)->pc;

	pthread_mutex_lock(&pc->lock);
	if (up)
		interrupts_raise(pc, PC_IRQ_COM1);
	else
		interrupts_set_level(pc, PC_IRQ_COM1, false);
	pthread_mutex_unlock(&pc->lock);
}

static void put_serial(const struct serial_host *host, const uint8_t *from, size_t bytes)
{
	struct machine *m = host->context;

	console_put(&m->console, from, bytes, m->config->stop, &m->sys);
}

void pc_drain(struct machine *m)
{
	if (serial_holds(&m->pc->serial) && !m->config->stop->ticks)
		stop_want_ticks(m->config->stop, &m->sys);
}

void pc_tick(struct machine *m)
{
	m->config->stop->ticks = 0;
	serial_flush(&m->pc->serial);
}

/* ---- the second thread ---- */

/* The kernel refuses to wait: it is asked again, but not at once. */
static void rest(struct sys *sys)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	sys_clock_nanosleep(sys, CLOCK_MONOTONIC, 0, &pause);
}

static void *complete(void *of)
{
	struct machine *m = of;
	struct pc *pc = m->pc;
	struct sys own;
	bool ending;

	sys_init(&own);
	do {
		int r = devices_complete(&m->devices);

		if (r < 0 && r != -EINTR)
			rest(&own);
		pthread_mutex_lock(&pc->lock);
		ending = pc->ending;
		pthread_mutex_unlock(&pc->lock);
	} while (!ending);
	return NULL;
}

int pc_start(struct machine *m)
{
	static const int faults[] = { SIGBUS, SIGSEGV, SIGILL, SIGFPE };
	sigset_t all, before;
	int r;

	if (!m->vm.lapic)
		return error_set(&m->error, ERROR_HOST, 0, "KVM_CAP_SPLIT_IRQCHIP: this KVM has none, and a PC guest needs "
				 "interrupts: use Linux 4.5 or later on the host");
	r = interrupts_start(m);
	if (r < 0 || !m->devices.engine)
		return r;
	/* Signals are for the thread that runs the vCPU, but for its own faults: blocked, they end the process without a word. */
	sigfillset(&all);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(&all, faults[i]);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	r = pthread_create(&m->pc->completion, NULL, complete, m);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r)
		return error_set(&m->error, ERROR_HOST, r, "no thread for the devices' I/O: %s: raise RLIMIT_NPROC", strerror(r));
	m->pc->completing = true;
	return 0;
}

/* ---- making and ending ---- */

static void add_config(struct pc_config *to, const struct pc_config *from)
{
	to->parts |= from->parts;
	if (from->triple_fault)
		to->triple_fault = from->triple_fault;
	for (unsigned i = 0; i < from->exit_count; i++) {
		unsigned k = 0;

		while (k < to->exit_count && to->exits[k].port != from->exits[i].port)
			k++;
		to->exit_count += k == to->exit_count;
		to->exits[k] = from->exits[i];
	}
}

/* The operator's word counts more than the protocol's. */
static int configure(struct machine *m)
{
	struct pc_config *config = &m->pc->config;

	if (m->boot->pc_config)
		add_config(config, m->boot->pc_config);
	add_config(config, &m->config->pc);
	for (unsigned i = 0; i < config->exit_count; i++)
		if (ports_taken(m->pc, config->exits[i].port))
			return error_set(&m->error, ERROR_USAGE, EINVAL, "--machine: port 0x%x is one of the PC's own: take "
					 "another", config->exits[i].port);
	return 0;
}

int pc_create(struct machine *m)
{
	const struct devices_config *config = &m->config->devices;
	struct pc *pc;
	void *at;
	int r = sys_mmap(&m->sys, NULL, sizeof(*pc), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &at);

	if (r < 0)
		return error_set(&m->error, ERROR_HOST, -r, "no memory for the guest's PC: free some");
	m->pc = pc = at;
	sys_init(&pc->sys);
	pthread_mutex_init(&pc->lock, NULL);
	interrupts_init(m);
	pc->serial_host = (struct serial_host){ .put = put_serial, .irq = interrupt_of_serial, .context = m };
	serial_init(&pc->serial, &pc->serial_host);
	rtc_init(&pc->rtc);
	i8042_init(&pc->i8042);
	r = configure(m);
	if (r < 0) {
		pc_destroy(m);
		return r;
	}
	if (config->count > 0)
		r = devices_create(&m->devices, config, &(struct devices_host){
			.mem = &m->mem, .line = &pc->line, .lock = &pc->lock, .stop = m->config->stop, .sys = &pc->sys,
		}, &m->error);
	if (r < 0)
		pc_destroy(m);
	return r;
}

static void end_thread(struct machine *m)
{
	struct pc *pc = m->pc;

	if (!pc->completing)
		return;
	pthread_mutex_lock(&pc->lock);
	pc->ending = true;
	devices_wake(&m->devices);
	pthread_mutex_unlock(&pc->lock);
	pthread_join(pc->completion, NULL);
	pc->completing = false;
}

void pc_destroy(struct machine *m)
{
	struct pc *pc = m->pc;

	end_thread(m);
	serial_flush(&pc->serial);
	if (m->devices.engine && !devices_stop(&m->devices))
		return; /* what is still under way knows the lock */
	m->devices.sys = &m->sys; /* until they are freed; there is one thread now */
	m->sys.calls += pc->sys.calls;
	interrupts_end(m);
	pthread_mutex_destroy(&pc->lock);
	sys_munmap(&m->sys, pc, sizeof(*pc));
	m->pc = NULL;
}
