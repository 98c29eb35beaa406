/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/server/server.h"
#include "vmm/error.h"

#define STATE_VERSION   1
#define STATE_BYTES_MAX (64u << 20)
#define NEW_FILE        STATE_FILE ".new"

static int write_all(int fd, const char *text, size_t bytes)
{
	while (bytes) {
		ssize_t n = write(fd, text, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		text += n;
		bytes -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

static int replace(int directory, const char *text)
{
	int fd = openat(directory, NEW_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600), r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, text, strlen(text));
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(directory, NEW_FILE, directory, STATE_FILE) < 0)
		r = -errno;
	if (r == 0 && fsync(directory) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(directory, NEW_FILE, 0);
	return r;
}

int state_save(struct server *server)
{
	json_t *functions = json_array(), *root;
	struct function *function;
	char *text;
	int r;

	if (server->state_fd < 0) {
		json_decref(functions);
		return 0;
	}
	TAILQ_FOREACH(function, &server->registry.functions, link) {
		if (!function->creator) /* not registered yet */
			json_array_append_new(functions, function_config_json(&function->config));
	}
	root = json_pack("{s:i, s:o}", "version", STATE_VERSION, "functions", functions);
	text = json_dumps(root, JSON_INDENT(1));
	json_decref(root);
	r = text ? replace(server->state_fd, text) : -ENOMEM;
	free(text);
	if (r < 0)
		log_event(&server->log, LOG_LEVEL_ERROR, "state_not_saved", "{s:s}", "message", strerror(-r));
	return r;
}

static int bad(struct error *error, const char *path, const char *where, const struct fields_error *why)
{
	return error_set(error, ERROR_USAGE, EINVAL, "%s/" STATE_FILE "%s: %s%s%s: mend it, or move it away and register anew",
			 path, where, why->field, why->field[0] ? ": " : "", why->message);
}

static int register_one(struct server *server, const json_t *root, struct fields_error *why)
{
	struct function_config config = { 0 };
	/* A queue that was allowed then is a wish now. */
	int r = function_config_take(root, 1000000, &config, why);

	if (r == 0 && registry_find(&server->registry, config.name))
		r = fields_refuse(why, "duplicate_name", "name", "there are two of it");
	if (r == 0 && registry_full(&server->registry))
		r = fields_refuse(why, "too_many_functions", NULL, "more functions than --max-functions and --worker-ids allow");
	if (r == 0) {
		if (config.queue > server->options.queue_max)
			config.queue = server->options.queue_max;
		registry_add(&server->registry, &config);
	}
	function_config_end(&config);
	return r;
}

static int register_all(struct server *server, const char *text, size_t bytes, struct error *error)
{
	struct fields_error why = { 0 };
	json_t *root = fields_parse(text, bytes, &why), *functions = json_object_get(root, "functions"), *each;
	const char *path = server->options.state;
	size_t i;
	int r = 0;

	if (root && (json_integer_value(json_object_get(root, "version")) != STATE_VERSION || !json_is_array(functions)))
		fields_refuse(&why, "invalid_field", "version", "must be %d, and functions an array", STATE_VERSION);
	if (why.code)
		r = bad(error, path, "", &why);
	json_array_foreach(functions, i, each) {
		char where[32];

		if (r < 0)
			break;
		snprintf(where, sizeof(where), ": function %zu", i + 1);
		if (register_one(server, each, &why) < 0)
			r = bad(error, path, where, &why);
	}
	json_decref(root);
	return r;
}

static int read_file(struct server *server, int fd, struct error *error)
{
	struct stat stat;
	size_t bytes = 0;
	char *text;
	ssize_t n = 1;
	int r;

	if (fstat(fd, &stat) < 0 || !S_ISREG(stat.st_mode) || stat.st_size > (off_t)STATE_BYTES_MAX)
		return error_set(error, ERROR_USAGE, EINVAL, "%s/" STATE_FILE ": no regular file of at most %u bytes",
				 server->options.state, STATE_BYTES_MAX);
	text = memory_get((size_t)stat.st_size + 1);
	while (bytes < (size_t)stat.st_size && (n = read(fd, text + bytes, (size_t)stat.st_size - bytes)) > 0)
		bytes += (size_t)n;
	r = n < 0 ? error_set(error, ERROR_HOST, errno, "%s/" STATE_FILE ": %s", server->options.state, strerror(errno)) :
		register_all(server, text, bytes, error);
	free(text);
	return r;
}

int state_load(struct server *server, struct error *error)
{
	const char *path = server->options.state;
	int fd, r;

	if (!path)
		return 0;
	server->state_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (server->state_fd < 0)
		return error_set(error, ERROR_USAGE, errno, "--state %s: %s: make the directory first", path, strerror(errno));
	if (flock(server->state_fd, LOCK_EX | LOCK_NB) < 0)
		return error_set(error, ERROR_HOST, errno, "--state %s: another kvickd keeps its state there", path);
	fd = openat(server->state_fd, STATE_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return error_set(error, ERROR_HOST, errno, "%s/" STATE_FILE ": %s", path, strerror(errno));
	r = read_file(server, fd, error);
	close(fd);
	return r;
}
