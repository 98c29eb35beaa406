/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A failed assertion prints file, line and expression, and dies by an invalid opcode, so that the
 * VMM adds registers and a backtrace.
 */
#undef assert
#ifdef NDEBUG
#define assert(expression) ((void)0)
#else
#define assert(expression) ((expression) ? (void)0 : kvick_assert_failed(__FILE__, __LINE__, #expression))
#endif

#ifndef KVICK_ASSERT_H
#define KVICK_ASSERT_H

#define static_assert _Static_assert

_Noreturn void kvick_assert_failed(const char *file, int line, const char *expression);

#endif
