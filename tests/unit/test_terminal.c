/* SPDX-License-Identifier: Apache-2.0 */
/* Who sets the terminal back: a child of ours has one as its standard input, makes it raw, and comes to its end. */
#include "tests/unit/test_unit.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>

#include "control/terminal.h"
#include "virtio/config.h"
#include "vmm/error.h"
#include "vmm/sys.h"

struct fixture {
	int master, slave;
	int said[2];  /* the child writes a byte when the terminal is raw */
	int child;
	struct termios before;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	alarm(60); /* nothing here may hang */
	if (openpty(&f->master, &f->slave, NULL, NULL, NULL) || pipe2(f->said, O_CLOEXEC) || prctl(PR_SET_CHILD_SUBREAPER, 1))
		return -1;
	return tcgetattr(f->slave, &f->before);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	close(f->master);
	close(f->slave);
	close(f->said[0]);
	free(f);
	alarm(0);
	return 0;
}

/* After which it waits to be killed, or ends in order. */
static void begin(struct fixture *f, bool in_order)
{
	char byte;

	f->child = fork();
	if (f->child == 0) {
		struct device_config console = { .kind = DEVICE_CONSOLE };
		struct error error;
		struct sys sys;

		alarm(60);
		dup2(f->slave, STDIN_FILENO);
		close(f->slave);
		close(f->master);
		sys_init(&sys);
		if (terminal_begin(&console, &sys, &error) < 0)
			_exit(9);
		if (write(f->said[1], "", 1) != 1)
			_exit(8);
		close(f->said[1]);
		if (!in_order)
			pause();
		terminal_close(&sys);
		_exit(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : 7); /* nobody is left */
	}
	close(f->said[1]);
	assert_int_equal(read(f->said[0], &byte, 1), 1);
}

static struct termios now(const struct fixture *f)
{
	struct termios t;

	assert_int_equal(tcgetattr(f->slave, &t), 0);
	return t;
}

static bool is_as_before(const struct fixture *f)
{
	struct termios t = now(f);

	return t.c_lflag == f->before.c_lflag && t.c_iflag == f->before.c_iflag &&
	       memcmp(t.c_cc, f->before.c_cc, sizeof(t.c_cc)) == 0;
}

static int end(struct fixture *f, int signal)
{
	int status;

	if (signal)
		kill(f->child, signal);
	assert_int_equal(waitpid(f->child, &status, 0), f->child);
	return status;
}

/* Whom the child has left is ours to wait for, and there is but one. */
static void wait_for_the_keeper(void)
{
	assert_true(waitpid(-1, NULL, 0) > 0);
	assert_true(waitpid(-1, NULL, 0) < 0);
}

static void who_is_killed_leaves_it_as_it_was(void **state)
{
	struct fixture *f = *state;

	begin(f, false);
	assert_int_equal(now(f).c_cc[VINTR], TERMINAL_END_KEY);
	assert_true(WIFSIGNALED(end(f, SIGKILL)));
	wait_for_the_keeper();
	assert_true(is_as_before(f));
}

static void what_another_has_made_of_it_stays(void **state)
{
	struct fixture *f = *state;
	struct termios others = f->before;

	begin(f, false);
	others.c_lflag ^= ECHO | ICANON;
	assert_int_equal(tcsetattr(f->slave, TCSANOW, &others), 0);
	assert_true(WIFSIGNALED(end(f, SIGKILL)));
	wait_for_the_keeper();
	assert_int_equal(now(f).c_lflag, others.c_lflag);
}

static void an_end_in_order_leaves_nobody(void **state)
{
	struct fixture *f = *state;

	begin(f, true);
	assert_int_equal(end(f, 0), 0);
	assert_true(is_as_before(f));
	assert_true(waitpid(-1, NULL, 0) < 0);
}

static void nothing_else_is_held_open(void **state)
{
	struct fixture *f = *state;
	char byte;

	begin(f, false);
	assert_int_equal(read(f->said[0], &byte, 1), 0); /* the child has closed its end, and nobody has another */
	end(f, SIGKILL);
	wait_for_the_keeper();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_is_killed_leaves_it_as_it_was),
		TEST(what_another_has_made_of_it_stays),
		TEST(an_end_in_order_leaves_nobody),
		TEST(nothing_else_is_held_open),
	};

	return cmocka_run_group_tests_name("terminal", tests, NULL, NULL);
}
