/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/host_fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#include "control/measure/host.h"
#include "tests/unit/test_unit.h"

static char root[64];
static const char *doctor;
static uint64_t tick_ns;

const char *host_root(void)
{
	return root;
}

const char *host_doctor(void)
{
	return doctor;
}

uint64_t host_tick_ns(void)
{
	return tick_ns;
}

void host_begin(void)
{
	strcpy(root, "/tmp/kvick-host.XXXXXX");
	assert_non_null(mkdtemp(root));
	doctor = NULL;
	tick_ns = 0;
}

static int take(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st, (void)kind, (void)where;
	return remove(path);
}

void host_end(void)
{
	assert_int_equal(nftw(root, take, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void host_put_bytes(const char *path, const void *bytes, size_t count)
{
	char whole[4096];
	int fd;

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	for (char *slash = strchr(whole + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(whole, 0755);
		*slash = '/';
	}
	fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, count), count);
	close(fd);
}

void host_put(const char *path, const char *text)
{
	host_put_bytes(path, text, strlen(text));
}

void host_take(const char *path)
{
	char whole[4096];

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	assert_int_equal(unlink(whole), 0);
}

void host_doctor_says(const char *json)
{
	doctor = json;
}

void host_ticks(uint64_t ns)
{
	tick_ns = ns;
}
