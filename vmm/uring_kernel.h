/* SPDX-License-Identifier: Apache-2.0 */
/* What liburing 2.3's copy of <linux/io_uring.h> (Linux 6.0) does not know yet, with the kernel that brought it. */
#ifndef KVICK_VMM_URING_KERNEL_H
#define KVICK_VMM_URING_KERNEL_H

#include <liburing.h>

#ifndef IORING_SETUP_NO_MMAP
/* 6.5: the application brings the memory of the rings, at cq_off.user_addr, and that of the SQEs, at sq_off.user_addr. */
#define IORING_SETUP_NO_MMAP (1u << 14)
/* The field was reserved before, at the same place. */
#define uring_user_addr(offsets) ((offsets)->resv2)
#else
#define uring_user_addr(offsets) ((offsets)->user_addr)
#endif

#endif
