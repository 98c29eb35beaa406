/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's address map under the native protocol. Virtual and physical addresses are the same
 * at entry. All fixed guest addresses are here and nowhere else.
 *
 *	0x00000	nothing is mapped at virtual 0
 *	0x01000	system page: GDT, TSS, IDT, exception stubs        read, execute
 *	0x02000	boot info                                          read, write
 *	0x03000	exception stacks (IST1: crash, IST2: handlers)     read, write
 *	0x07000	(page tables, while they are few)                  ring 0 only
 *	…
 *	0x7f000	guard page of the largest low stack: not mapped
 *	…	stack, downwards from 0x100000; the page under it is not mapped
 *	0x100000 image, then free RAM to the end
 */
#ifndef KVICK_VMM_LAYOUT_H
#define KVICK_VMM_LAYOUT_H

#include <kvick/hypercall.h>

#define LAYOUT_SYSTEM_PAGE        0x1000ull
#define LAYOUT_BOOT_INFO          0x2000ull
#define LAYOUT_EXCEPTION_STACKS   0x3000ull
#define LAYOUT_CRASH_STACK_TOP    0x4000ull /* IST1 */
#define LAYOUT_HANDLER_STACK_TOP  0x7000ull /* IST2 */
#define LAYOUT_TABLES_LOW         0x7000ull
#define LAYOUT_TABLES_LOW_END     0x7f000ull
#define LAYOUT_STACK_TOP_LOW      0x100000ull
#define LAYOUT_STACK_BYTES_LOW    0x80000ull /* larger stacks go to the end of RAM */
#define LAYOUT_IMAGE_BASE         0x100000ull /* lowest segment address, and where a static PIE is loaded */

_Static_assert(LAYOUT_SYSTEM_PAGE + 0x1000 <= LAYOUT_BOOT_INFO, "system page and boot info are disjoint");
_Static_assert(LAYOUT_BOOT_INFO + 0x1000 <= LAYOUT_EXCEPTION_STACKS, "boot info and exception stacks are disjoint");
_Static_assert(LAYOUT_HANDLER_STACK_TOP == KVICK_PROTECTED_END, "what the ABI protects is what exceptions need");
_Static_assert(LAYOUT_HANDLER_STACK_TOP <= LAYOUT_TABLES_LOW, "exception stacks and tables are disjoint");
_Static_assert(LAYOUT_TABLES_LOW_END + 0x1000 <= LAYOUT_STACK_TOP_LOW - LAYOUT_STACK_BYTES_LOW,
	       "tables and the low stack's guard are disjoint");
_Static_assert(LAYOUT_STACK_TOP_LOW <= LAYOUT_IMAGE_BASE, "stack and image are disjoint");

#endif
