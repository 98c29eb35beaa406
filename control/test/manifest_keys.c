/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a manifest. */
#include "control/test/takes.h"

#define RETRIES_MAX 100
#define AT(member) offsetof(struct test_case, member)

const struct manifest_key manifest_keys[] = {
	{ "image", "FILE", "what is booted", take_file, AT(image), FILE_IS_THERE, false },
	{ "protocol", "NAME", "native, solo5, linux, pvh or multiboot (default: found by looking at the image)", take_choice,
	  AT(protocol), OF_PROTOCOLS, false },
	{ "arguments", "WORDS", "of the guest, quoted as in a shell", take_words, AT(arguments), WORDS_ARGUMENTS, false },
	{ "options", "WORDS", "further ones of kvick run, quoted as in a shell", take_words, AT(options), WORDS_OPTIONS,
	  false },
	{ "memory", "SIZE", "guest RAM (default: what the image asks for, at least 16M)", take_memory, AT(mem), 0, false },
	{ "ring", "auto|0|3|each", "each: a run at ring 0 and one at ring 3 (default auto)", take_choice, AT(ring), OF_RINGS,
	  false },
	{ "cpu", "MODEL", "auto, none, host, baseline, baseline-v2 or baseline-v3 (default auto)", take_choice, AT(cpu), OF_MODELS,
	  false },
	{ "env", "NAME=VALUE", "a variable in the guest's environment", take_env, AT(env), 0, true },
	{ "stdin", "FILE", "what the guest reads (default: nothing)", take_file, AT(stdin_path), FILE_IS_THERE, false },
	{ "request", "FILE", "what a function is asked", take_file, AT(request_path), FILE_IS_THERE, false },
	{ "reply", "FILE", "what it must reply, byte for byte", take_file, AT(reply_path), FILE_MAY_COME, false },

	{ "disk", "DISK[,WORDS]", "64M: an empty one; copy FILE; FILE,ro; with further words of --disk", take_disk, 0, 0, true },
	{ "solo5 disk", "NAME=DISK", "the same for a Solo5 guest: NAME=64M or NAME=copy FILE", take_solo5_disk, 0, 0, true },
	{ "net", "WORDS", "a network device: as --net", take_list_in_folder, AT(nets), 0, true },
	{ "vsock", "CID,PATH", "a socket device: as --vsock", take_list_in_folder, AT(vsocks), 0, true },
	{ "rng", "yes|no", "a source of random numbers (default no)", take_yes, AT(rng), 0, false },
	{ "console device", "yes|no", "a virtio console (default no)", take_yes, AT(console_device), 0, false },

	{ "before", "COMMAND", "of the shell, in the scratch folder, before the guest starts: must succeed", take_text,
	  AT(before), 0, false },
	{ "beside", "COMMAND", "runs while the guest does, and is ended with it", take_text, AT(beside), 0, false },
	{ "after", "COMMAND", "when the guest has ended as it should: must succeed", take_text, AT(after), 0, false },

	{ "end", "END", "exits, crashes, times out, resets or is refused (default exits)", take_end, AT(end), 0, false },
	{ "exit code", "NUMBER", "the guest's (default 0)", take_unsigned, AT(exit_code), 255, false },
	{ "console", "TEXT", "is in what the guest prints", take_console, 0, CONSOLE_LITERAL, true },
	{ "console regex", "PATTERN", "matches somewhere in it (PCRE2; ^ and $ are a line's)", take_pattern, 0, CONSOLE_REGEX,
	  true },
	{ "console not", "TEXT", "is not in it", take_console, 0, CONSOLE_NOT, true },
	{ "console not regex", "PATTERN", "matches nowhere in it", take_pattern, 0, CONSOLE_NOT_REGEX, true },
	{ "console golden", "FILE", "is the same as all of it", take_golden, 0, 0, false },
	{ "stderr", "TEXT", "is in what kvick says: errors, crash reports", take_list, AT(stderr_matches), 0, true },

	{ "timeout", "DURATION", "of one try, with before and after (default 10s)", take_duration, AT(timeout_ns), 0, false },
	{ "boot limit", "NUMBERx floor", "from spawn to main(), as a multiple of the floor in the same run", take_floors,
	  AT(boot_floor_max), 0, false },
	{ "exits limit", "NUMBER", "exits from the guest to KVM, at most", take_exits, AT(exits_max), 0, false },
	{ "memory limit", "SIZE", "the process's peak, at most", take_size, AT(memory_max), 0, false },
	{ "retries", "NUMBER", "further tries of a case that fails (default 0)", take_unsigned, AT(retries), RETRIES_MAX, false },

	{ "tags", "WORDS", "for --tag and --not-tag", take_tags, AT(tags), 0, true },
	{ "requires", "WORDS", "what the host must have, else the case is skipped", take_features, AT(requires), 0, true },
	{ "skip", "REASON", "the case is not run", take_text, AT(skip), 0, false },
	{ 0 },
};

_Static_assert(sizeof(manifest_keys) / sizeof(manifest_keys[0]) <= 64, "reader's sets have a bit for each");
_Static_assert(sizeof(unsigned) == sizeof(int), "take_unsigned() takes the exit code");
