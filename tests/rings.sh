#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# rings.sh [LOG…]: every test about hypercalls and crashes, at ring 3 and ring 0, natively and nested: a table of
# four columns, made of what run-cases.sh printed into the logs.
#
# Rows are the cases with a `topic`, and so that none is forgotten: one named crash_* without a topic is a failure, and so is a
# hypercall (vmm/hypercalls.c) that stands in no row's `calls`.
# None may be missing or skipped but topic=vmcall natively, where ring 0 may be emulated. Columns of a kind of
# host that no log is of are empty. The last line is the sum; the exit status is 0 when nothing is amiss.

set -u
cd "$(dirname "$0")/.." || exit 1

{
	grep -H '^topic=' tests/guests/*/case tests/hostile/*/case
	grep -H '^calls=' tests/guests/*/case tests/hostile/*/case
	sed -n 's/^\t\[KVICK_CALL_[A-Z0-9_]*\] = { "\([a-z0-9_]*\)".*/a call: \1/p' vmm/hypercalls.c
	grep -L '^topic=' tests/guests/crash_*/case tests/hostile/crash_*/case 2>/dev/null | sed 's/$/:topic=/'
	[ $# -eq 0 ] || cat "$@"
} | awk '
	/^tests\/[^ ]*\/case:topic=/ {
		split($0, part, "/case:topic=")
		rows[++count] = part[1]
		topic[part[1]] = part[2]
		next
	}
	/^tests\/[^ ]*\/case:calls=/ {
		split($0, part, "/case:calls=")
		gsub(/\047/, "", part[2])
		names = split(part[2], name_of, " ")
		for (i = 1; i <= names; i++)
			if (part[1] in topic)
				has_row[name_of[i]] = 1
		next
	}
	/^a call: / {
		calls[++call_count] = $3
		next
	}
	/^(not )?ok [0-9]+ - tests\/[^ ]*, ring [03]( \(nested\))?($| # SKIP)/ {
		verdict = /^not/ ? "FAIL" : / # SKIP/ ? "skip" : "ok"
		host = / \(nested\)/ ? "nested" : "native"
		sub(/^(not )?ok [0-9]+ - /, "")
		name = $1
		sub(/,$/, "", name)
		seen[host] = 1
		result[name, host " ring " ($3 + 0)] = verdict
	}
	END {
		columns = split("native ring 3,native ring 0,nested ring 3,nested ring 0", column, ",")
		format = "%-72s %-10s %-14s %-14s %-14s %s\n"
		printf format, "test", "topic", column[1], column[2], column[3], column[4]
		for (i = 1; i <= count; i++) {
			name = rows[i]
			if (topic[name] == "") {
				bad++
				why = why "\n# " name "/case has no topic: write topic=crash"
			}
			for (c = 1; c <= columns; c++) {
				split(column[c], word, " ")
				entry = (name, column[c]) in result ? result[name, column[c]] : word[1] in seen ? "missing" : "-"
				cell[c] = entry
				if (entry == "ok") {
					passed++
				} else if (entry == "skip" && topic[name] == "vmcall" && word[1] == "native") {
					vmcall++
				} else if (entry != "-") {
					bad++
					why = why "\n# " name ", " column[c] ": " entry
				}
			}
			printf format, name, topic[name], cell[1], cell[2], cell[3], cell[4]
		}
		for (i = 1; i <= call_count; i++)
			if (!(calls[i] in has_row)) {
				bad++
				why = why "\n# the hypercall " calls[i] " has no row: write calls=" calls[i] \
					" into a case with a topic"
			}
		if (!call_count) {
			bad++
			why = why "\n# no hypercall is found in vmm/hypercalls.c"
		}
		if (!count) {
			bad = 1
			why = "\n# no case has a topic"
		}
		for (host in seen)
			hosts = hosts (hosts == "" ? "" : " and ") host
		note = vmcall ? " (VMCALL, where ring 0 is emulated)" : ""
		if (why != "")
			print substr(why, 2)
		printf "# rings: %d tests at two rings, %s: %d passed, %d failed, %d skipped%s\n",
			count, hosts, passed, bad, vmcall, note
		exit bad > 0
	}'
