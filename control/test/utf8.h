/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVICK_CONTROL_TEST_UTF8_H
#define KVICK_CONTROL_TEST_UTF8_H

#include <stddef.h>

/* How many bytes from the first are UTF-8 (RFC 3629) without control characters (below U+0020 but for tabs, U+007F to U+009F). */
size_t utf8_plain(const char *text, size_t bytes);

#endif
