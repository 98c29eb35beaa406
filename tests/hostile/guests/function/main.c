/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that do what a function may not. The way is argv[1], or without that the request; an unknown one gets their list for a
 * reply.
 */
#include <kvick_function.h>

#include "../hostile.h"

static uint8_t inbox[256];
static size_t request_bytes;

static int64_t ready(void)
{
	return call(KVICK_CALL_READY, (uintptr_t)inbox, sizeof(inbox), 0, 0, 0, 0);
}

static int64_t reply(const void *at, uint64_t bytes, uint64_t flags)
{
	return call(KVICK_CALL_REPLY, (uintptr_t)at, bytes, flags, 0, 0, 0);
}

static uint64_t ram(void)
{
	return kvick_boot()->mem_bytes;
}

/* Ends with what the expectations have come to, and a reply that says it. */
static void finish(void)
{
	const char *text = hostile_failed ? "FAILED\n" : "survived\n";

	call(KVICK_CALL_REPLY, (uintptr_t)text, strlen(text), KVICK_REPLY_EXIT, (uint64_t)hostile_failed, 0, 0);
	expect("the last reply", 1, 0);
}

static void replies_twice(void)
{
	expect("the first reply", reply("first\n", 6, 0), 0);
	reply("second\n", 7, 0);
}

static void replies_twice_at_the_end(void)
{
	expect("the first reply", reply("first\n", 6, 0), 0);
	reply("second\n", 7, KVICK_REPLY_EXIT);
}

/* The second is too long as well. */
static void replies_all_of_ram_twice(void)
{
	for (;;)
		reply(NULL, ram(), 0);
}

static void never_replies(void) { kvick_exit(0); }
static void never_replies_and_fails(void) { kvick_exit(3); }
static void replies_too_much(void) { reply(NULL, KVICK_REPLY_BYTES_MAX + 1, KVICK_REPLY_EXIT); }
static void replies_all_of_ram(void) { reply(NULL, ram(), KVICK_REPLY_EXIT); }
static void replies_the_most(void) { reply(NULL, KVICK_REPLY_BYTES_MAX, KVICK_REPLY_EXIT); }

static void is_wedged(void)
{
	for (;;)
		__asm__ volatile("");
}

static void is_wedged_after_its_reply(void)
{
	expect("the reply", reply("reply\n", 6, 0), 0);
	is_wedged();
}

static void sleeps_for_ever(void) { kvick_wait(0, UINT64_MAX); }

static void dies_after_its_reply(void)
{
	expect("the reply", reply("reply\n", 6, 0), 0);
	__asm__ volatile("ud2");
}

static void goes_on_after_its_reply(void)
{
	expect("the reply", reply("reply\n", 6, 0), 0);
	for (unsigned i = 0; i < 1000; i++)
		expect("mark", kvick_mark(0), 0);
	kvick_exit(0);
}

static void is_ready_twice(void)
{
	uint8_t before[sizeof(inbox)];

	memcpy(before, inbox, sizeof(inbox));
	for (unsigned i = 0; i < 100; i++)
		expect("ready again", ready(), -KVICK_EINVAL);
	expect("the buffer", memcmp(before, inbox, sizeof(inbox)), 0);
	finish();
}

static void is_ready_after_its_reply(void)
{
	expect("the reply", reply("reply\n", 6, 0), 0);
	expect("ready again", ready(), -KVICK_EINVAL);
	kvick_exit(hostile_failed);
}

static const uint64_t bad_runs[][2] = {
	{ UINT64_MAX, 1 }, { UINT64_MAX - 15, 32 }, { 1ull << 63, 1 }, { 1ull << 52, 4096 }, { 0xffff800000000000, 64 },
	{ 8, UINT64_MAX }, { 0, 1ull << 63 },
};

static void replies_from_outside_ram(void)
{
	for (size_t i = 0; i < sizeof(bad_runs) / sizeof(bad_runs[0]); i++)
		expect("reply", reply((void *)bad_runs[i][0], bad_runs[i][1], KVICK_REPLY_EXIT), -KVICK_EFAULT);
	expect("reply", reply((void *)ram(), 1, KVICK_REPLY_EXIT), -KVICK_EFAULT);
	expect("reply", reply((void *)(ram() - 1), 2, KVICK_REPLY_EXIT), -KVICK_EFAULT);
	expect("reply", reply(NULL, ram() + 1, KVICK_REPLY_EXIT), -KVICK_EFAULT);
	finish();
}

static void requests_to_outside_ram(void)
{
	for (size_t i = 0; i < sizeof(bad_runs) / sizeof(bad_runs[0]); i++)
		expect("request", call(KVICK_CALL_REQUEST, bad_runs[i][0], bad_runs[i][1], 0, 0, 0, 0), -KVICK_EFAULT);
	expect("request", call(KVICK_CALL_REQUEST, ram(), 1, 0, 0, 0, 0), -KVICK_EFAULT);
	expect("request", call(KVICK_CALL_REQUEST, 0, ram() + 1, 0, 0, 0, 0), -KVICK_EFAULT);
	finish();
}

static void requests_beyond_the_end(void)
{
	const uint64_t offsets[] = { request_bytes, request_bytes + 1, KVICK_REQUEST_BYTES_MAX, 1ull << 63, UINT64_MAX };
	uint8_t byte = 'x';

	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
		expect("request", call(KVICK_CALL_REQUEST, (uintptr_t)&byte, 1, offsets[i], 0, 0, 0), 0);
	expect("the byte", byte, 'x');
	finish();
}

/* Into its own block, which is read before and written after. */
static void requests_into_the_block(void)
{
	static struct kvick_call block;

	block = (struct kvick_call){ .nr = KVICK_CALL_REQUEST, .arg = { (uintptr_t)&block, sizeof(block) } };
	kvick_hypercall(&block);
	expect("request into the block", block.ret, (int64_t)(request_bytes < sizeof(block) ? request_bytes : sizeof(block)));
	finish();
}

static void flags(void)
{
	for (unsigned bit = 1; bit < 64; bit++)
		expect("flag", reply("x", 1, 1ull << bit | KVICK_REPLY_EXIT), -KVICK_EINVAL);
	finish();
}

static void floods_its_console(void)
{
	static char lines[64 * 1024];

	memset(lines, '.', sizeof(lines));
	lines[sizeof(lines) - 1] = '\n';
	for (unsigned i = 0; i < 64; i++)
		kvick_console_write(lines, sizeof(lines));
	puts("the last line");
	finish();
}

static const struct way ways[] = {
	{ "replies-twice", replies_twice },
	{ "replies-twice-at-the-end", replies_twice_at_the_end },
	{ "replies-all-of-ram-twice", replies_all_of_ram_twice },
	{ "never-replies", never_replies },
	{ "never-replies-and-fails", never_replies_and_fails },
	{ "replies-too-much", replies_too_much },
	{ "replies-all-of-ram", replies_all_of_ram },
	{ "replies-the-most", replies_the_most },
	{ "wedged", is_wedged },
	{ "wedged-after-its-reply", is_wedged_after_its_reply },
	{ "sleeps-for-ever", sleeps_for_ever },
	{ "dies-after-its-reply", dies_after_its_reply },
	{ "goes-on-after-its-reply", goes_on_after_its_reply },
	{ "ready-twice", is_ready_twice },
	{ "ready-after-its-reply", is_ready_after_its_reply },
	{ "replies-from-outside-ram", replies_from_outside_ram },
	{ "requests-to-outside-ram", requests_to_outside_ram },
	{ "requests-beyond-the-end", requests_beyond_the_end },
	{ "requests-into-the-block", requests_into_the_block },
	{ "flags", flags },
	{ "floods-its-console", floods_its_console },
};

static char list[1024];

static void reply_list(void)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		strcat(list, ways[i].name);
		strcat(list, "\n");
	}
	call(KVICK_CALL_REPLY, (uintptr_t)list, strlen(list), KVICK_REPLY_EXIT, 2, 0, 0);
}

int main(int argc, char **argv)
{
	/* What no function can do before it is ready. */
	expect("a request before", call(KVICK_CALL_REQUEST, (uintptr_t)inbox, 1, 0, 0, 0, 0), -KVICK_EINVAL);
	expect("a reply before", reply("x", 1, KVICK_REPLY_EXIT), -KVICK_EINVAL);
	for (size_t i = 0; i < sizeof(bad_runs) / sizeof(bad_runs[0]); i++)
		expect("ready", call(KVICK_CALL_READY, bad_runs[i][0], bad_runs[i][1], 0, 0, 0, 0), -KVICK_EFAULT);

	int64_t bytes = ready();

	if (bytes < 0)
		kvick_panic("not ready");
	request_bytes = (size_t)bytes;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (argc > 1 ? strcmp(ways[i].name, argv[1]) == 0 :
			       request_bytes < sizeof(inbox) && kvick_request_is(inbox, request_bytes, ways[i].name))
			ways[i].run();
	reply_list();
	return 1;
}
