/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/console.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>

#include <kvick/boot_info.h>

#include "vmm/error.h"
#include "vmm/layout.h"
#include "vmm/stop.h"
#include "vmm/sys.h"

/* A non-blocking descriptor that is full (a shared terminal, a pipe) is tried again after this. */
#define RETRY_NS 1000000

/* One write() moves at most this much, so that a signal never waits for long. */
#define WRITE_BYTES_MAX (1u << 20)

static int64_t put(struct console *console, const uint8_t *from, uint64_t bytes, const struct stop *stop, struct sys *sys)
{
	uint64_t done = 0;

	if (console->take) {
		console->take(console->context, from, bytes);
		console->bytes += bytes;
		return (int64_t)bytes;
	}
	/* One try even after a stop signal: the guest's last words. If it blocks, the signal's reminders end it. */
	do {
		if (done == bytes || console->errnum)
			break;
		uint64_t left = bytes - done;
		ssize_t n = sys_write(sys, console->fd, from + done, left < WRITE_BYTES_MAX ? left : WRITE_BYTES_MAX);

		if (n > 0) {
			done += (uint64_t)n;
		} else if (n == -EAGAIN) {
			struct timespec pause = { .tv_nsec = RETRY_NS };

			sys_clock_nanosleep(sys, CLOCK_MONOTONIC, 0, &pause);
		} else if (n != -EINTR) {
			console->errnum = n ? (int)-n : EIO;
		}
	} while (!stop->signal);
	console->bytes += done;
	return done ? (int64_t)done : console->errnum ? -console->errnum : 0;
}

/* A guest that floods its console is not told: it goes on as if somebody read it. */
static COLD int64_t put_up_to_limit(struct console *console, const uint8_t *from, uint64_t bytes, const struct stop *stop,
				    struct sys *sys)
{
	uint64_t room = console->bytes_max - console->bytes, fits = bytes < room ? bytes : room;
	int64_t done = fits ? put(console, from, fits, stop, sys) : console->errnum ? -console->errnum : 0;

	if (done < 0 || (uint64_t)done < fits)
		return done;
	console->bytes_dropped += bytes - fits;
	return (int64_t)bytes;
}

int64_t console_put(struct console *console, const uint8_t *from, uint64_t bytes, const struct stop *stop, struct sys *sys)
{
	return console->bytes_max ? put_up_to_limit(console, from, bytes, stop, sys) : put(console, from, bytes, stop, sys);
}

int64_t console_write(struct console *console, const struct guest_mem *mem, gpa_t from, uint64_t bytes,
		      const struct stop *stop, struct sys *sys)
{
	/* The kernel copies straight from RAM: a page that cannot be read is its -EFAULT, not our fault. */
	const uint8_t *at = guest_mem_view(mem, from, bytes);

	return at ? console_put(console, at, bytes, stop, sys) : -EFAULT;
}

void console_drain(struct console *console, struct guest_mem *mem, const struct stop *stop, struct sys *sys)
{
	struct kvick_boot_info *info = guest_mem_span(mem, gpa(LAYOUT_BOOT_INFO), sizeof(*info));
	uint32_t used = *(volatile uint32_t *)&info->console.used; /* once */

	if (used == 0)
		return;
	if (used > KVICK_BOOT_CONSOLE_BYTES)
		used = KVICK_BOOT_CONSOLE_BYTES;
	console_write(console, mem, gpa(LAYOUT_BOOT_INFO + offsetof(struct kvick_boot_info, console.bytes)), used, stop, sys);
	info->console.used = 0;
}
