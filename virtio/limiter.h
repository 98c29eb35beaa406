/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much may begin, and when: two token buckets, one of operations and one of bytes. Arithmetic on a clock in ns and nothing
 * else; no number makes it overflow.
 *
 * A bucket holds up to `burst` and is refilled at `per_second`. What is larger than the burst begins when the bucket is full, and
 * leaves a debt: the next one waits until that is paid. So over any time no more than the burst, the rate and one such piece pass.
 */
#ifndef KVICK_VIRTIO_LIMITER_H
#define KVICK_VIRTIO_LIMITER_H

#include <stdint.h>

#include "virtio/config.h"

struct token_bucket {
	struct device_rate rate;   /* per_second 0: no limit */
	uint64_t tokens, debt;     /* one of them is 0 */
	uint32_t billionths;       /* of a token, on the way */
	uint64_t at_ns;            /* refilled up to here */
};

struct limiter {
	struct token_bucket operations, bytes;
};

/* Both full. A rate with a burst of 0 gets one of a second's worth. */
void limiter_init(struct limiter *limiter, const struct device_rate *operations, const struct device_rate *bytes);

/*
 * One operation of so many bytes wants to begin: 0, and it has been taken out of both buckets; or in how many ns it is to be asked
 * for again, at least 1 (UINT64_MAX: not in 584 years), and nothing was taken. A wait is as long as half a millisecond's worth
 * takes to come, if the bucket holds as much: so a high rate has not to be woken for each operation. now_ns: a clock that goes
 * back stands still.
 */
uint64_t limiter_take(struct limiter *limiter, uint64_t now_ns, uint64_t bytes);

/* So many bytes more have passed, of what began already: a debt, where they are not there. */
void limiter_charge(struct limiter *limiter, uint64_t now_ns, uint64_t bytes);

#endif
