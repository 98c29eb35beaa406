/* SPDX-License-Identifier: Apache-2.0 */
/* What a Solo5 guest's devices did, for the report, and what went wrong underneath them, for everybody. */
#ifndef KVICK_CONTROL_REPORT_SOLO5_H
#define KVICK_CONTROL_REPORT_SOLO5_H

struct image;
struct machine;
struct text;

/* A line for each device that met an error on the host's side. */
void solo5_say(struct text *text, const struct machine *machine);

/* Nothing where there are no devices. */
void solo5_text(struct text *text, const struct machine *machine);
/* The members "engine" and "devices" of an object that is open. */
void solo5_json(struct text *text, const struct machine *machine);

/* For kvick inspect: the manifest of an image that is open, and what is to be attached by which option. */
void solo5_manifest_text(struct text *text, const struct image *image);
/* The member "manifest" of an object that is open. */
void solo5_manifest_json(struct text *text, const struct image *image);

#endif
