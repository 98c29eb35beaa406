/* SPDX-License-Identifier: Apache-2.0 */
/* What <linux/fs.h> of Linux 6.1 does not know yet of /proc/PID/pagemap, with the kernel that brought it. */
#ifndef KVICK_VMM_PAGEMAP_KERNEL_H
#define KVICK_VMM_PAGEMAP_KERNEL_H

#include <linux/fs.h>
#include <linux/types.h>

#ifndef PAGEMAP_SCAN
/* 6.7: pages of a range by what they are: Documentation/admin-guide/mm/pagemap.rst. */
#define PAGEMAP_SCAN _IOWR('f', 16, struct pm_scan_arg)

#define PAGE_IS_FILE    (1 << 2)
#define PAGE_IS_PRESENT (1 << 3)
#define PAGE_IS_SWAPPED (1 << 4)
#define PAGE_IS_PFNZERO (1 << 5)

struct page_region {
	__u64 start, end, categories;
};

struct pm_scan_arg {
	__u64 size, flags, start, end, walk_end, vec, vec_len, max_pages;
	__u64 category_inverted, category_mask, category_anyof_mask, return_mask;
};
#endif

#endif
