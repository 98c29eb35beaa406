/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the boot info page that a guest finds in RDI. See include/kvick/boot_info.h. */
#ifndef KVICK_VMM_BOOT_H
#define KVICK_VMM_BOOT_H

struct machine;

/* Memory, image, ring and vCPU of the machine are ready. 0 or -errno with machine->error set. */
int boot_info_write(struct machine *machine);

#endif
