/* SPDX-License-Identifier: Apache-2.0 */
#include "control/device_options.h"

#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "control/units.h"
#include "vmm/error.h"

#define QUEUES_MAX 4u /* what a native guest can notify */
#define OPERATIONS_MAX 1000000000ul /* a second: more is no limit */

/* The next word of a list, its end cut off; NULL after the last. */
static char *next_word(char **list)
{
	char *word = *list, *comma;

	if (!word)
		return NULL;
	comma = strchr(word, ',');
	*list = comma ? comma + 1 : NULL;
	if (comma)
		*comma = '\0';
	return word;
}

/* A path: up to the first comma that stands alone; two of them are one of the path's. */
static char *next_path(char **list)
{
	char *path = *list, *from = path, *to = path;

	for (; *from && (*from != ',' || from[1] == ','); from++, to++) {
		*to = *from;
		from += *from == ',';
	}
	*list = *from ? from + 1 : NULL;
	*to = '\0';
	return path;
}

static int take_id(struct device_config *config, const char *value)
{
	if (!value || !*value || strlen(value) >= sizeof(config->id))
		return -EINVAL;
	for (const char *c = value; *c; c++)
		if (*c <= ' ' || *c > '~')
			return -EINVAL;
	strcpy(config->id, value);
	return 0;
}

static int take_read_only(struct device_config *config, const char *value)
{
	config->read_only = true;
	return value ? -EINVAL : 0;
}

static int take_direct(struct device_config *config, const char *value)
{
	config->direct = !value || strcmp(value, "on") == 0;
	return value && !config->direct && strcmp(value, "off") != 0 ? -EINVAL : 0;
}

/* The one there is; named so that a script need not rely on that. */
static int take_format(struct device_config *config, const char *value)
{
	(void)config;
	return value && strcmp(value, "raw") == 0 ? 0 : -EINVAL;
}

static int take_queues(struct device_config *config, const char *value)
{
	if (!value || value[0] < '1' || value[0] > '0' + (int)QUEUES_MAX || value[1])
		return -EINVAL;
	config->queues = (unsigned)(value[0] - '0');
	return 0;
}

#define MTU_MIN 68u /* RFC 791: what every IP host takes */

/* A decimal number and nothing else. */
static bool take_number(const char *value, unsigned long max, unsigned long *number)
{
	*number = 0;
	if (!value || !*value)
		return false;
	for (; *value >= '0' && *value <= '9' && *number <= max; value++)
		*number = *number * 10 + (unsigned long)(*value - '0');
	return !*value && *number <= max;
}

/* Which of the three it is to be is said once. */
static int take_net(struct device_config *config, enum net_path net, bool good)
{
	if (config->net != NET_NONE || !good)
		return -EINVAL;
	config->net = net;
	return 0;
}

int device_word_tap(struct device_config *config, const char *value)
{
	config->interface = value;
	return take_net(config, NET_TAP, value && *value && strlen(value) < IFNAMSIZ && !strpbrk(value, "/:% \t"));
}

int device_word_fd(struct device_config *config, const char *value)
{
	unsigned long fd;
	bool good = take_number(value, INT_MAX, &fd);

	config->fd = (int)fd;
	return take_net(config, NET_FD, good && fd > 2);
}

static int take_user(struct device_config *config, const char *value)
{
	config->path = value;
	return take_net(config, NET_USER, !value || *value);
}

/* HOST or HOST:GUEST, each 1 to 65535. */
static int take_forward(struct device_config *config, const char *value, bool udp)
{
	unsigned long host, guest;
	char first[sizeof("65535")] = "";
	size_t length;

	if (!value)
		return -EINVAL;
	length = strcspn(value, ":");
	if (length >= sizeof(first) || config->forward_count == NET_FORWARDS_MAX)
		return -EINVAL;
	memcpy(first, value, length);
	if (!take_number(first, UINT16_MAX, &host) || host == 0)
		return -EINVAL;
	guest = host;
	if (value[length] && (!take_number(value + length + 1, UINT16_MAX, &guest) || guest == 0))
		return -EINVAL;
	config->forwards[config->forward_count++] = (struct net_forward){ udp, (uint16_t)host, (uint16_t)guest };
	return 0;
}

static int take_tcp(struct device_config *config, const char *value)
{
	return take_forward(config, value, false);
}

static int take_udp(struct device_config *config, const char *value)
{
	return take_forward(config, value, true);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One station's address, and not the one that says "none". */
int device_word_mac(struct device_config *config, const char *value)
{
	static const uint8_t none[sizeof(config->mac)];

	if (!value || strlen(value) != sizeof("00:00:00:00:00:00") - 1)
		return -EINVAL;
	for (unsigned i = 0; i < sizeof(config->mac); i++) {
		int high = hex_digit(value[i * 3]), low = hex_digit(value[i * 3 + 1]);

		if (high < 0 || low < 0 || (i < sizeof(config->mac) - 1 && value[i * 3 + 2] != ':'))
			return -EINVAL;
		config->mac[i] = (uint8_t)(high << 4 | low);
	}
	return config->mac[0] & 1 || memcmp(config->mac, none, sizeof(none)) == 0 ? -EINVAL : 0;
}

static int take_mtu(struct device_config *config, const char *value)
{
	unsigned long mtu;

	if (!take_number(value, UINT16_MAX, &mtu) || mtu < MTU_MIN)
		return -EINVAL;
	config->mtu = (uint16_t)mtu;
	return 0;
}

/* RATE[/BURST], each a size from 1 on; operations have no units. */
static int take_rate(struct device_rate *rate, const char *value, bool units)
{
	char text[64], *slash;
	unsigned long number;
	uint64_t *into[] = { &rate->per_second, &rate->burst };
	const char *parts[] = { text, NULL };

	if (!value || strlen(value) >= sizeof(text))
		return -EINVAL;
	slash = strchr(strcpy(text, value), '/');
	if (slash) {
		*slash = '\0';
		parts[1] = slash + 1;
	}
	*rate = (struct device_rate){ 0 };
	for (unsigned i = 0; i < 2 && parts[i]; i++) {
		if (units ? !units_size(parts[i], into[i]) : !take_number(parts[i], OPERATIONS_MAX, &number))
			return -EINVAL;
		if (!units)
			*into[i] = number;
		if (*into[i] == 0)
			return -EINVAL;
	}
	return 0;
}

static int take_operations(struct device_config *config, const char *value)
{
	return take_rate(&config->operations, value, false);
}

static int take_bytes(struct device_config *config, const char *value)
{
	return take_rate(&config->bytes, value, true);
}

struct word {
	const char *name;
	int (*take)(struct device_config *config, const char *value);
	const char *form; /* as it is to be written */
};

#define ID_WORD         { "id", take_id, "id=NAME, up to 31 printable characters" }
#define OPERATIONS_WORD { "iops", take_operations, "iops=N or iops=N/BURST, operations a second, 1 to 1000000000" }
#define BYTES_WORD      { "bps", take_bytes, "bps=SIZE or bps=SIZE/BURST, bytes a second, such as bps=10M/1M, from 1 on" }

static const struct word disk_words[] = {
	OPERATIONS_WORD,
	BYTES_WORD,
	ID_WORD,
	{ "ro", take_read_only, "ro" },
	{ "direct", take_direct, "direct, direct=on or direct=off" },
	{ "format", take_format, "format=raw: kvick knows no other" },
	{ "queues", take_queues, "queues=1 to queues=4" },
};

static const struct word net_words[] = {
	{ "tap", device_word_tap, "tap=NAME, an interface's name, up to 15 characters; one of tap=, fd= and user" },
	{ "fd", device_word_fd, "fd=N, from 3 on; one of tap=, fd= and user" },
	{ "user", take_user, "user (kvick starts passt), or user=PATH, passt's socket; one of tap=, fd= and user" },
	{ "tcp", take_tcp, "tcp=PORT or tcp=HOSTPORT:GUESTPORT, up to 16 of tcp= and udp=" },
	{ "udp", take_udp, "udp=PORT or udp=HOSTPORT:GUESTPORT, up to 16 of tcp= and udp=" },
	{ "mac", device_word_mac, "mac=02:11:22:33:44:55, the address of one station" },
	{ "mtu", take_mtu, "mtu=68 to mtu=65535" },
	OPERATIONS_WORD,
	BYTES_WORD,
	ID_WORD,
};

static const struct word rng_words[] = {
	OPERATIONS_WORD,
	BYTES_WORD,
	ID_WORD,
};

/* What they move is bytes, in packets or pieces that nobody outside sees. */
static const struct word stream_words[] = {
	BYTES_WORD,
	ID_WORD,
};

static int take_word(struct device_config *config, const char *option, char *text, const struct word *words, unsigned count,
		     struct error *error)
{
	char *value = strchr(text, '=');
	size_t length = value ? (size_t)(value++ - text) : strlen(text);

	for (unsigned i = 0; i < count; i++)
		if (strlen(words[i].name) == length && memcmp(words[i].name, text, length) == 0)
			return words[i].take(config, value) == 0 ? 0 :
			       error_set(error, ERROR_USAGE, EINVAL, "--%s: %s: write %s", option, text, words[i].form);
	return error_set(error, ERROR_USAGE, EINVAL, "--%s: %s: no such word: `kvick run --help` lists them", option, text);
}

static int check_id(const struct device_options *devices, const struct device_config *config, const char *option,
		       struct error *error)
{
	for (unsigned i = 0; config->id[0] && i < devices->count; i++)
		if (strcmp(devices->list[i].id, config->id) == 0)
			return error_set(error, ERROR_USAGE, EINVAL, "--%s: id=%s: another device has it: give each its own",
				         option,
					 config->id);
	return 0;
}

static int take_words(struct device_options *devices, struct device_config *config, const char *option, char *list,
		      const struct word *words, unsigned count, struct error *error)
{
	char *text;
	int r = 0;

	if (devices->count == KVICK_DEVICES_MAX)
		return error_set(error, ERROR_USAGE, E2BIG, "--%s: one device too many: a guest has up to %u", option,
			         KVICK_DEVICES_MAX);
	while (r == 0 && (text = next_word(&list)))
		r = take_word(config, option, text, words, count, error);
	if (r == 0)
		r = check_id(devices, config, option, error);
	if (r == 0)
		devices->list[devices->count++] = *config;
	return r;
}

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

int device_options_disk(struct device_options *devices, char *value, struct error *error)
{
	struct device_config config = { .kind = DEVICE_BLOCK };

	config.path = next_path(&value);
	if (!*config.path)
		return error_set(error, ERROR_USAGE, EINVAL,
			         "--disk: a path is missing: write --disk PATH[,ro][,direct][,id=NAME]");
	return take_words(devices, &config, "disk", value, disk_words, COUNT(disk_words), error);
}

/* A descriptor is one device's. */
static int check_fd(const struct device_options *devices, int fd, struct error *error)
{
	for (unsigned i = 0; i < devices->count; i++)
		if (devices->list[i].kind == DEVICE_NET && devices->list[i].net == NET_FD && devices->list[i].fd == fd)
			return error_set(error, ERROR_USAGE, EINVAL, "--net: fd=%d: another device has it: give each its own", fd);
	return 0;
}

int device_options_net(struct device_options *devices, char *value, struct error *error)
{
	struct device_config config = { .kind = DEVICE_NET };
	const struct device_config *added;
	int r;

	r = take_words(devices, &config, "net", value, net_words, COUNT(net_words), error);
	if (r < 0)
		return r;
	added = &devices->list[--devices->count];
	if (added->net == NET_NONE)
		return error_set(error, ERROR_USAGE, EINVAL, "--net: to what? write tap=NAME, fd=N, user or user=PATH");
	if (added->forward_count > 0 && (added->net != NET_USER || added->path))
		return error_set(error, ERROR_USAGE, EINVAL, "--net: tcp= and udp= are for a passt that kvick starts: "
				 "write user without a path, or give them to the other side");
	r = added->net == NET_FD ? check_fd(devices, added->fd, error) : 0;
	devices->count += r == 0;
	return r;
}

int device_options_rng(struct device_options *devices, char *value, struct error *error)
{
	struct device_config config = { .kind = DEVICE_ENTROPY };

	return take_words(devices, &config, "rng", value, rng_words, COUNT(rng_words), error);
}

struct device_config *device_options_find(struct device_options *devices, enum device_kind kind)
{
	for (unsigned i = 0; i < devices->count; i++)
		if (devices->list[i].kind == kind)
			return &devices->list[i];
	return NULL;
}

int device_options_console(struct device_options *devices, char *value, struct error *error)
{
	struct device_config config = { .kind = DEVICE_CONSOLE };

	if (device_options_find(devices, DEVICE_CONSOLE))
		return error_set(error, ERROR_USAGE, EINVAL,
			         "--console: there is one already, and kvick has one standard input: write "
				 "it once");
	return take_words(devices, &config, "console", value, stream_words, COUNT(stream_words), error);
}

static int take_cid(struct device_config *config, const char *text)
{
	char *end;

	config->cid = text && *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
	return config->cid >= 3 && config->cid <= UINT32_MAX - 1 && !*end ? 0 : -EINVAL;
}

int device_options_vsock(struct device_options *devices, char *value, struct error *error)
{
	struct device_config config = { .kind = DEVICE_VSOCK };

	if (device_options_find(devices, DEVICE_VSOCK))
		return error_set(error, ERROR_USAGE, EINVAL, "--vsock: a guest has one address: write it once");
	if (take_cid(&config, next_word(&value)) < 0)
		return error_set(error, ERROR_USAGE, EINVAL,
			         "--vsock: the guest's address is 3 to 4294967294: write --vsock CID,PATH");
	config.path = value ? next_path(&value) : "";
	if (!*config.path)
		return error_set(error, ERROR_USAGE, EINVAL, "--vsock: a path is missing: write --vsock CID,PATH[,id=NAME]");
	return take_words(devices, &config, "vsock", value, stream_words, COUNT(stream_words), error);
}
