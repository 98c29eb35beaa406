/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of the cgroup that we are in, and of those around it: the tightest counts. Version 2, or 1, or some of both. */
#include "control/measure/environment_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/measure/host.h"

#define TOP "/sys/fs/cgroup"
#define DEPTH_MAX 32

/* The folder of one controller; of version 2 all have the same. */
struct place {
	char path[HOST_PATH_BYTES];
	size_t top; /* length of what is not to be left upwards */
	bool v2;
};

/* controller: NULL: version 2's. Whether there is such a folder. */
static bool place_at(struct place *place, const char *controller, const char *path)
{
	place->v2 = !controller;
	place->top = (size_t)snprintf(place->path, sizeof(place->path), TOP "%s%s", controller ? "/" : "",
				      controller ? controller : "");
	snprintf(place->path + place->top, sizeof(place->path) - place->top, "%s", path);
	/* In a container the path may be the host's, of which we see only our own part, as the top. */
	if (strcmp(path, "/") == 0 || strstr(path, "/..") || !host_has("%s", place->path))
		place->path[place->top] = '\0';
	return host_has("%s", place->path);
}

/* "4:memory:/name" or "0::/name": the one with this controller, or version 2's. Whether its folder is there. */
static bool find(struct place *place, const char *controller)
{
	char text[8192];

	if (host_text(text, sizeof(text), "/proc/self/cgroup") < 0)
		return false;
	for (unsigned pass = 0; pass < 2; pass++) {
		for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL;) {
			char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
			size_t length = path ? (size_t)(path - names - 1) : 0;
			char listed[HOST_LINE_BYTES];

			snprintf(listed, sizeof(listed), "%.*s", (int)length, names ? names + 1 : "");
			if (path && (pass == 0 ? host_word(listed, controller) : length == 0) &&
			    place_at(place, pass == 0 ? controller : NULL, path + 1))
				return true;
			if (rest)
				rest[-1] = '\n'; /* for the second pass */
		}
	}
	return false;
}

/* To the next folder around it. False: it was the last. */
static bool up(struct place *place)
{
	char *slash = strrchr(place->path + place->top, '/');

	if (place->path[place->top] == '\0')
		return false;
	if (!slash)
		slash = place->path + place->top;
	*slash = '\0';
	return true;
}

/* Processors' worth of time; 0: as much as there is. */
static double cpu_limit(struct place place)
{
	double least = 0;

	for (unsigned i = 0; i < DEPTH_MAX; i++) {
		uint64_t quota = 0, period = 0;
		char line[HOST_LINE_BYTES];
		double limit;

		if (place.v2) {
			unsigned long long a, b;

			if (host_line(line, "%s/cpu.max", place.path) && sscanf(line, "%llu %llu", &a, &b) == 2)
				quota = a, period = b;
		} else if (!host_number(&quota, "%s/cpu.cfs_quota_us", place.path) ||
			   !host_number(&period, "%s/cpu.cfs_period_us", place.path)) {
			quota = 0; /* -1: none */
		}
		limit = quota && period ? (double)quota / (double)period : 0;
		least = limit > 0 && (least == 0 || limit < least) ? limit : least;
		if (!up(&place))
			break;
	}
	return least;
}

static uint64_t memory_limit(struct place place)
{
	uint64_t least = UINT64_MAX, limit;

	for (unsigned i = 0; i < DEPTH_MAX; i++) {
		if (host_number(&limit, "%s/%s", place.path, place.v2 ? "memory.max" : "memory.limit_in_bytes") && limit < least)
			least = limit;
		if (!up(&place))
			break;
	}
	return least < 1ull << 60 ? least : 0; /* version 1 says "none" by a number */
}

void environment_cgroup(struct environment *environment)
{
	struct place cpu = { 0 }, memory = { 0 };
	bool has_cpu = find(&cpu, "cpu"), has_memory = find(&memory, "memory");
	double processors = has_cpu ? cpu_limit(cpu) : 0;
	uint64_t bytes = has_memory ? memory_limit(memory) : 0;
	char text[96] = "";

	if (processors > 0)
		snprintf(text, sizeof(text), "%.2f processors", processors);
	if (bytes)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%llu MiB", text[0] ? ", " : "",
			 (unsigned long long)bytes >> 20);
	if (has_cpu || has_memory)
		environment_row(environment, "cgroup", "cgroup's limits", "%s", text[0] ? text : "none");
}

uint64_t environment_throttled(void)
{
	struct place cpu = { 0 };
	uint64_t sum = 0;

	if (!find(&cpu, "cpu"))
		return 0;
	for (unsigned i = 0; i < DEPTH_MAX; i++) {
		char text[2048], value[HOST_LINE_BYTES];

		if (host_text(text, sizeof(text), "%s/cpu.stat", cpu.path) > 0 && host_value(value, text, "nr_throttled"))
			sum += strtoull(value, NULL, 10);
		if (!up(&cpu))
			break;
	}
	return sum;
}
