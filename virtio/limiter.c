/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio/limiter.h"

#include <stdbool.h>

#define NS_PER_S   1000000000u
#define BATCHES_PER_S 2000u /* half a millisecond's worth is waited for at once */

typedef unsigned __int128 wide; /* holds the product of any two of ours */

static uint64_t narrow(wide value)
{
	return value > UINT64_MAX ? UINT64_MAX : (uint64_t)value;
}

static void fill(struct token_bucket *b, uint64_t tokens)
{
	uint64_t paid = tokens < b->debt ? tokens : b->debt;

	b->debt -= paid;
	tokens -= paid;
	if (tokens >= b->rate.burst - b->tokens) {
		b->tokens = b->rate.burst;
		b->billionths = 0; /* a full bucket saves nothing */
	} else {
		b->tokens += tokens;
	}
}

static void refill(struct token_bucket *b, uint64_t now_ns)
{
	wide come, whole;

	if (now_ns <= b->at_ns)
		return;
	come = (wide)(now_ns - b->at_ns) * b->rate.per_second + b->billionths;
	whole = come / NS_PER_S;
	b->at_ns = now_ns;
	b->billionths = (uint32_t)(come - whole * NS_PER_S);
	fill(b, narrow(whole));
}

/* What has to be there before `amount` may begin. */
static uint64_t needed(const struct token_bucket *b, uint64_t amount)
{
	return amount < b->rate.burst ? amount : b->rate.burst;
}

static bool has(const struct token_bucket *b, uint64_t amount)
{
	return b->debt == 0 && b->tokens >= needed(b, amount);
}

static void take(struct token_bucket *b, uint64_t amount)
{
	uint64_t there = amount < b->tokens ? amount : b->tokens;

	b->tokens -= there;
	b->debt = narrow((wide)b->debt + (amount - there));
}

/* Until it has; 0 where it has now. */
static uint64_t wait_ns(const struct token_bucket *b, uint64_t amount)
{
	uint64_t level = needed(b, amount), batch = needed(b, b->rate.per_second / BATCHES_PER_S);
	wide missing, ns;

	if (has(b, amount))
		return 0;
	missing = (wide)b->debt + (level > batch ? level : batch) - b->tokens;
	ns = (missing * NS_PER_S - b->billionths + b->rate.per_second - 1) / b->rate.per_second;
	return narrow(ns);
}

static void init(struct token_bucket *b, const struct device_rate *rate)
{
	*b = (struct token_bucket){ .rate = *rate };
	if (b->rate.burst == 0)
		b->rate.burst = b->rate.per_second;
	b->tokens = b->rate.burst;
}

void limiter_init(struct limiter *limiter, const struct device_rate *operations, const struct device_rate *bytes)
{
	init(&limiter->operations, operations);
	init(&limiter->bytes, bytes);
}

uint64_t limiter_take(struct limiter *limiter, uint64_t now_ns, uint64_t bytes)
{
	struct {
		struct token_bucket *bucket;
		uint64_t amount;
	} asked[] = { { &limiter->operations, 1 }, { &limiter->bytes, bytes } };
	uint64_t longest = 0;

	for (unsigned i = 0; i < 2; i++) {
		uint64_t ns;

		if (!device_rate_is_limit(&asked[i].bucket->rate))
			continue;
		refill(asked[i].bucket, now_ns);
		ns = wait_ns(asked[i].bucket, asked[i].amount);
		if (ns > longest)
			longest = ns;
	}
	if (longest > 0)
		return longest;
	for (unsigned i = 0; i < 2; i++)
		if (device_rate_is_limit(&asked[i].bucket->rate))
			take(asked[i].bucket, asked[i].amount);
	return 0;
}

void limiter_charge(struct limiter *limiter, uint64_t now_ns, uint64_t bytes)
{
	if (!device_rate_is_limit(&limiter->bytes.rate))
		return;
	refill(&limiter->bytes, now_ns);
	take(&limiter->bytes, bytes);
}
