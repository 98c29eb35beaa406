#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# style.sh: no line of code is wider than 132 columns (a tab goes to the next multiple of 8), none of a document wider than 160.
#
# Left out: fuzzing's corpora; tables, in documents and as files of their own (*.tsv, a hostile case's `ways`); pictures; the
# patterns in a `case`, which cannot be broken. Prints TAP.

set -u
cd "$(dirname "$0")/.." || exit 1
LC_ALL=C # bytes: awk counts characters by leaving out those that continue one
export LC_ALL

echo 1..1
wide=$(find . \( -path ./build -o -path ./.git -o -path ./tests/fuzz/corpus \) -prune -o \
	-type f ! -name '*.tsv' ! -name ways ! -name case ! -name LICENSE ! -name '*.png' -exec awk '
	FNR == 1 {
		document = FILENAME ~ /\.(md|1)$/
		limit = document ? 160 : 132
	}
	document && /^\|/ { next }
	length($0) > limit / 9 {
		line = $0
		gsub(/[\200-\277]/, "", line)
		columns = 0
		parts = split(line, part, "\t")
		for (i = 1; i <= parts; i++) {
			columns += length(part[i])
			if (i < parts)
				columns += 8 - columns % 8
		}
		if (columns > limit)
			printf "%s:%d: %d columns, %d at most\n", substr(FILENAME, 3), FNR, columns, limit
	}' {} +)
if [ -z "$wide" ]; then
	echo 'ok 1 - width of lines'
	echo '# style: 1 passed, 0 failed, 0 skipped'
else
	echo 'not ok 1 - width of lines'
	printf '%s\n' "$wide" | sort -t : -k 1,1 -k 2,2n | sed 's/^/#   /'
	echo '# style: 0 passed, 1 failed, 0 skipped'
	exit 1
fi
