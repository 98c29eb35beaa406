#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# fuzz/run.sh BUILD SECONDS: a bounded run of each fuzz target, from the corpus in the tree.
# A finding stays in BUILD/fuzz/NAME.finding-*; put it into the corpus once it is mended.

set -u
build=$1 seconds=$2
here=$(dirname "$0")
passed=0 failed=0

for target in "$build"/fuzz/fuzz_*; do
	case $target in *.finding-* | *.log | *.corpus) continue ;; esac
	name=$(basename "$target")
	corpus=$target.corpus
	rm -rf "$corpus"
	mkdir -p "$corpus"
	if "$target" -max_total_time="$seconds" -max_len=12288 -timeout=60 -rss_limit_mb=4096 \
		-artifact_prefix="$target.finding-" -print_final_stats=1 \
		"$corpus" "$here/corpus/${name#fuzz_}" >"$target.log" 2>&1; then
		echo "ok - $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$target.log") inputs"
		passed=$((passed + 1))
	else
		echo "not ok - $name"
		tail -n 30 "$target.log" | sed 's/^/#   /'
		failed=$((failed + 1))
	fi
done
echo "# fuzz: $passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
