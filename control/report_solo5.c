/* SPDX-License-Identifier: Apache-2.0 */
#include "control/report_solo5.h"

#include <errno.h>
#include <string.h>

#include "control/report_devices.h"
#include "control/text.h"
#include "loader/image.h"
#include "loader/solo5.h"
#include "vmm/machine.h"
#include "vmm/solo5.h"

/* ---- what devices did ---- */

static bool is_block(const struct solo5_device *d)
{
	return d->config->device.kind == DEVICE_BLOCK;
}

/* As its option has it. */
static void name_device(struct text *text, const struct solo5_device *d)
{
	const struct device_config *c = &d->config->device;

	text_printf(text, "--%s:%s=", is_block(d) ? "block" : "net", d->config->name);
	if (is_block(d))
		text_name(text, c->path);
	else if (c->net == NET_TAP)
		text_name(text, c->interface);
	else
		text_printf(text, "@%d", c->fd);
}

/* What is the matter, and the next step. */
static const char *advice(const struct solo5_device *d)
{
	if (d->gone)
		return "its other side is gone: the guest's network was down from then on";
	if (!is_block(d))
		return d->errnum == EIO ? "a tap's interface must be up: `ip link set NAME up`" : "look at its other side";
	return d->errnum == ENOSPC || d->errnum == EDQUOT ? "make room where it lies" :
	       d->errnum == ENODATA ? "it was cut short while its guest ran: leave disks alone that are in use" :
	       "look at where it lies, and into the kernel's log";
}

static const char *cause(int errnum)
{
	return errnum == ENODATA ? "the file ends before it" : strerror(errnum);
}

void solo5_say(struct text *text, const struct machine *m)
{
	for (unsigned i = 1; i < m->solo5->entries; i++) {
		const struct solo5_device *d = &m->solo5->devices[i];

		if (d->host_errors == 0)
			continue;
		text_printf(text, "kvick: ");
		name_device(text, d);
		text_printf(text, ": %s: %s: %s", d->doing, cause(d->errnum), advice(d));
		if (d->host_errors > 1)
			text_printf(text, " (the first of %llu errors)", (unsigned long long)d->host_errors);
		text_printf(text, "\n");
	}
}

static void counts_text(struct text *text, const char *name, const struct solo5_counts *counts)
{
	text_printf(text, ", %s %llu, errors %llu, bytes %llu", name, (unsigned long long)counts->requests,
		    (unsigned long long)counts->errors, (unsigned long long)counts->bytes);
}

void solo5_text(struct text *text, const struct machine *m)
{
	if (!m->solo5)
		return;
	engine_text(text, m->solo5->engine_text, &m->solo5->engine_counts);
	for (unsigned i = 1; i < m->solo5->entries; i++) {
		const struct solo5_device *d = &m->solo5->devices[i];

		text_printf(text, "kvick: device %u, ", i);
		name_device(text, d);
		counts_text(text, "reads", &d->in);
		counts_text(text, "writes", &d->out);
		text_printf(text, "\n");
	}
}

static void counts_json(struct text *text, const char *name, const struct solo5_counts *counts)
{
	json_open(text, name, '{');
	json_u64(text, "requests", counts->requests);
	json_u64(text, "errors", counts->errors);
	json_u64(text, "bytes", counts->bytes);
	json_close(text, '}');
}

static void device_json(struct text *text, const struct solo5_device *d, unsigned handle)
{
	json_open(text, NULL, '{');
	json_string(text, "kind", is_block(d) ? "block" : "net");
	json_string(text, "name", d->config->name);
	json_u64(text, "handle", handle);
	if (is_block(d))
		json_string(text, "path", d->config->device.path);
	counts_json(text, "reads", &d->in);
	counts_json(text, "writes", &d->out);
	json_u64(text, "host_errors", d->host_errors);
	if (d->host_errors > 0) {
		json_open(text, "first_host_error", '{');
		json_string(text, "doing", d->doing);
		json_string(text, "error", cause(d->errnum));
		json_close(text, '}');
	}
	json_close(text, '}');
}

void solo5_json(struct text *text, const struct machine *m)
{
	if (!m->solo5)
		return;
	engine_json(text, m->solo5->engine_text, &m->solo5->engine_counts);
	json_open(text, "devices", '[');
	for (unsigned i = 1; i < m->solo5->entries; i++)
		device_json(text, &m->solo5->devices[i], i);
	json_close(text, ']');
}

/* ---- what an image declares ---- */

/* It has been judged when the image was opened: what can fail now is reading it again. */
static bool read_manifest(struct solo5_manifest *manifest, const struct text *text, const struct image *image)
{
	struct error error = { 0 };

	return solo5_manifest_read(manifest, image, text->sys, &error) == 0;
}

void solo5_manifest_text(struct text *text, const struct image *image)
{
	struct solo5_manifest manifest;

	if (!read_manifest(&manifest, text, image))
		return;
	if (manifest.entries == 1)
		text_printf(text, "manifest   no devices\n");
	for (unsigned i = 1; i < manifest.entries; i++) {
		const struct solo5_entry *e = &manifest.entry[i];

		text_printf(text, "manifest   %s device \"%s\", handle %u: attach it with --%s:%s=%s\n",
			    e->type == SOLO5_BLOCK ? "block" : "net", e->name, i, e->type == SOLO5_BLOCK ? "block" : "net", e->name,
			    e->type == SOLO5_BLOCK ? "PATH" : "TAP");
	}
}

void solo5_manifest_json(struct text *text, const struct image *image)
{
	struct solo5_manifest manifest;
	char option[sizeof("--block:") + SOLO5_NAME_BYTES];

	if (!read_manifest(&manifest, text, image))
		return;
	json_open(text, "manifest", '[');
	for (unsigned i = 1; i < manifest.entries; i++) {
		const struct solo5_entry *e = &manifest.entry[i];
		const char *type = e->type == SOLO5_BLOCK ? "block" : "net";

		json_open(text, NULL, '{');
		json_string(text, "name", e->name);
		json_string(text, "type", type);
		json_u64(text, "handle", i);
		strcpy(stpcpy(stpcpy(stpcpy(option, "--"), type), ":"), e->name);
		json_string(text, "option", option);
		json_close(text, '}');
	}
	json_close(text, ']');
}
