/* SPDX-License-Identifier: Apache-2.0 */
/* kvick inspect --sensitive: the census of an image's privileged and critical instructions (vmm/x86/sensitive.h). */
#ifndef KVICK_CONTROL_INSPECT_SENSITIVE_H
#define KVICK_CONTROL_INSPECT_SENSITIVE_H

#include <stdbool.h>

struct error;
struct image;
struct sys;
struct text;

/*
 * Goes through what an ELF image has in executable segments, instruction by instruction (vmm/x86/scan.h), and says of each how it
 * is handled when ring-0 code runs at ring 3. Data among code may look like some. 0 or -errno with `error` set.
 */
int sensitive_print(struct text *text, bool json, const struct image *image, struct sys *sys, struct error *error);

#endif
