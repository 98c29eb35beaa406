/* SPDX-License-Identifier: Apache-2.0 */
#include "control/measure/orphans.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PASSES_MAX 1000          /* of a millisecond: what is killed has children, which become ours, and are killed */
#define PASSES_UNSEEN 20         /* over what shows no environment */
#define CHILDREN_BYTES (64u << 10)
#define ENVIRONMENT_BYTES (256u << 10)
#define WAIT_NS 1000000

static size_t read_some(const char *path, char *into, size_t bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t count = 0;
	ssize_t n = 0;

	while (fd >= 0 && count < bytes - 1 && (n = read(fd, into + count, bytes - 1 - count)) > 0)
		count += (size_t)n;
	if (fd >= 0)
		close(fd);
	into[count] = '\0';
	return count;
}

/* Our children, as the kernel lists them: numbers in a text of malloc's, or NULL. */
static char *list_children(void)
{
	char path[64], *children = malloc(CHILDREN_BYTES);

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)gettid());
	if (children)
		read_some(path, children, CHILDREN_BYTES);
	return children;
}

/* The next of them; 0: there are no more. */
static pid_t next_child(char **rest)
{
	return (pid_t)strtol(*rest, rest, 10);
}

void orphans_begin(struct strangers *strangers)
{
	char *children = list_children(), *rest = children;
	pid_t pid;

	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	while (children && strangers->count < STRANGERS_MAX && (pid = next_child(&rest)) > 0)
		strangers->pids[strangers->count++] = pid;
	free(children);
}

bool orphans_is_stranger(const struct strangers *strangers, pid_t pid)
{
	for (size_t i = 0; i < strangers->count; i++)
		if (strangers->pids[i] == pid)
			return true;
	return false;
}

bool orphans_none(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
}

enum whose { OF_OTHERS, TO_BE_ENDED, NOT_SEEN };

/* Nothing is seen of one that has ended, which is reaped in any case, and for a moment of one that is being executed. */
static enum whose whose(pid_t pid, const struct orphans_rule *rule)
{
	char path[64], *environment = malloc(ENVIRONMENT_BYTES);
	size_t bytes, length = strlen(rule->variable);
	enum whose is = NOT_SEEN;

	if (!environment)
		return NOT_SEEN;
	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	bytes = read_some(path, environment, ENVIRONMENT_BYTES);
	for (size_t at = 0; at < bytes && is != TO_BE_ENDED; at += strlen(environment + at) + 1) {
		const char *name = environment + at;
		bool named = strncmp(name, rule->variable, length) == 0 && name[length] == '=';

		is = named && rule->over(rule->context, name + length + 1) ? TO_BE_ENDED : OF_OTHERS;
	}
	free(environment);
	return is;
}

/* Are there any still to be waited for? */
static bool end_once(const struct orphans_rule *rule, bool unseen_too)
{
	char *children = list_children(), *rest = children;
	bool left = false;
	pid_t pid;

	while (children && (pid = next_child(&rest)) > 0) {
		enum whose is;

		/* One that is no child of ours is half a number, at the end of a list that was cut. */
		if (rule->known(rule->context, pid) || waitpid(pid, NULL, WNOHANG) != 0)
			continue;
		is = rule->variable ? whose(pid, rule) : TO_BE_ENDED;
		/* Who became somebody else (setuid) may not be killed by us: it is not waited for. */
		left |= is == TO_BE_ENDED ? kill(pid, SIGKILL) == 0 : is == NOT_SEEN && unseen_too;
	}
	free(children);
	return left;
}

bool orphans_look(const struct orphans_rule *rule)
{
	return end_once(rule, false);
}

void orphans_end(const struct orphans_rule *rule)
{
	static const struct timespec wait = { .tv_nsec = WAIT_NS };

	for (unsigned i = 0; i < PASSES_MAX && end_once(rule, i < PASSES_UNSEEN); i++)
		nanosleep(&wait, NULL);
}
