/* SPDX-License-Identifier: Apache-2.0 */
/* Names of instructions that KVM's emulator lacks, for people: a guest dies of them where ring 0 is emulated. */
#ifndef KVICK_VMM_INSTRUCTION_H
#define KVICK_VMM_INSTRUCTION_H

#include <stddef.h>
#include <stdint.h>

/*
 * "ldmxcsr", "an AVX instruction", … for the code of 64-bit mode that begins with these bytes; NULL for what is not known by name
 * here (AMD64 APM 3 to 5, appendix A of volume 3).
 */
const char *instruction_name(const uint8_t *code, size_t bytes);

#endif
