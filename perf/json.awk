# SPDX-License-Identifier: Apache-2.0
# Flattens JSON to lines "path.to.value=value" (array elements by number from 0), because a fresh
# Debian has neither jq nor Python. Escapes in strings are left as they are.

{ text = text $0 "\n" }

function skip() { while (substr(text, at, 1) ~ /^[ \t\n\r]$/) at++ }

function string(   from) {
	from = ++at
	while (at <= length(text) && substr(text, at, 1) != "\"")
		at += substr(text, at, 1) == "\\" ? 2 : 1
	at++
	return substr(text, from, at - from - 1)
}

function join(path, name) { return path == "" ? name : path "." name }

function value(path, depth,   c, from, n, name) {
	if (depth > 32) exit 1
	skip()
	c = substr(text, at, 1)
	if (c == "{" || c == "[") {
		at++
		for (n = 0; ; n++) {
			skip()
			if (substr(text, at, 1) ~ /^[\]}]$/) break
			if (c == "{") {
				name = string()
				skip()
				at++
			} else {
				name = n
			}
			value(join(path, name), depth + 1)
			skip()
			if (substr(text, at, 1) != ",") break
			at++
		}
		at++
	} else if (c == "\"") {
		print path "=" string()
	} else {
		from = at
		while (substr(text, at, 1) ~ /^[-+.0-9A-Za-z]$/) at++
		print path "=" substr(text, from, at - from)
	}
}

END { at = 1; value("", 0) }
