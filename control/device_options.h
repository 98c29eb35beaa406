/* SPDX-License-Identifier: Apache-2.0 */
/* --disk, --rng and the like: one device each, in the order of the command line. */
#ifndef KVICK_CONTROL_DEVICE_OPTIONS_H
#define KVICK_CONTROL_DEVICE_OPTIONS_H

#include "virtio/config.h"

struct error;

struct device_options {
	unsigned count;
	struct device_config list[KVICK_DEVICES_MAX];
};

/*
 * Values are words between commas; the first one of --disk is a path, in which a comma is written twice. They are
 * cut up where they are, on the command line. 0 or -errno with `error` set.
 */
int device_options_disk(struct device_options *devices, char *value, struct error *error);
int device_options_net(struct device_options *devices, char *value, struct error *error);
int device_options_rng(struct device_options *devices, char *value, struct error *error);
int device_options_vsock(struct device_options *devices, char *value, struct error *error);
int device_options_console(struct device_options *devices, char *value, struct error *error);

/* The one of a kind, or NULL. */
struct device_config *device_options_find(struct device_options *devices, enum device_kind kind);

/* What follows tap=, fd= and mac= of --net. 0, or -EINVAL: it is none. */
int device_word_tap(struct device_config *config, const char *value);
int device_word_fd(struct device_config *config, const char *value);
int device_word_mac(struct device_config *config, const char *value);

#endif
