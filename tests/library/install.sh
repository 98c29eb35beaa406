#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# install.sh BUILD: libkvick as a program finds it that has nothing but what `make install` gives: header, libraries, pkg-config;
# and that these have no names and no state but the interface's. TAP.

set -u
cd "$(dirname "$0")/../.." || exit 1
build=$1
at=$(mktemp -d) || exit 1
trap 'rm -rf "$at"' EXIT
log=$at/log
cc=${CC:-gcc}
cxx=${CXX:-g++}
count=0 failed=0

echo 1..13

# check NAME COMMAND…: what the command prints belongs to a failure.
check() {
	local name=$1
	shift
	count=$((count + 1))
	echo "# begin $name"
	if "$@" >"$log" 2>&1; then
		echo "ok $count - $name"
	else
		failed=$((failed + 1))
		echo "not ok $count - $name"
		sed 's/^/#   /' "$log"
	fi
}

prefix=$at/usr
declared=$at/declared
# As somebody says it who knows no kvick: with what is installed there.
flags() { PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config "$@" kvick; }

# As a package is made: under another root, from where it then goes to its place.
install_all() {
	MAKEFLAGS= make --no-print-directory BUILD="$build" DESTDIR="$at/root" PREFIX="$prefix" library-install &&
		mv "$at/root$prefix" "$prefix" && find "$prefix" ! -type d
}

exported() { diff <(nm -D --defined-only "$prefix/lib/libkvick.so" | awk '{ print $3 }' | sort) "$declared"; }
archived() { diff <(nm -g --defined-only "$prefix/lib/libkvick.a" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort) "$declared"; }

# The C library's start files have a word each.
stateless() {
	size -A "$prefix/lib/libkvick.so" | awk '/^\.(data|bss) / && $2 > 8 { print; bad = 1 } END { exit bad }' &&
		size -A "$build/library/kvick.o" | awk '/^\.(data|bss|tdata|tbss)(\.[^r]|\.r[^e]| )/ && $2 > 0 { print; bad = 1 }
			END { exit bad }'
}

# But for _exit(), which the child calls that a device of the launcher's makes.
calls_nothing_of_the_process() {
	! nm -u "$prefix/lib/libkvick.a" | grep -wE 'exit|quick_exit|abort|signal|atexit|system|printf|puts|setenv|stdout|stderr'
}

soname() { readelf -dW "$prefix/lib/libkvick.so" | grep -q 'SONAME.*\[libkvick\.so\.0\]'; }
needs_libc_alone() { ! readelf -dW "$prefix/lib/libkvick.so" | grep NEEDED | grep -v 'libc\.so\.6\|ld-linux'; }

header_alone() {
	local language
	for language in "$cc -x c -std=c99" "$cc -x c -std=c17 -Wc++-compat" "$cxx -x c++ -std=c++98" "$cxx -x c++ -std=c++20"; do
		# shellcheck disable=SC2086 # words
		echo '#include <kvick.h>' | $language -Wall -Wextra -pedantic -Werror $(flags --cflags) -fsyntax-only - || return 1
	done
	# Nothing of kvick's own is among what it includes.
	! echo '#include <kvick.h>' | $cc -x c $(flags --cflags) -M - | tr ' ' '\n' | grep kvick | grep -v "$prefix/include/kvick.h"
}

# example LINKING…
example() {
	# shellcheck disable=SC2046 # words
	$cc -Wall -Wextra -Werror -o "$at/launch" docs/examples/launch.c "$@" || return 1
	LD_LIBRARY_PATH=$prefix/lib "$at/launch" "$build/guests/echo.elf" >"$at/out" || return 1
	cat "$at/out"
	[ "$(cut -d: -f1 "$at/out" | paste -sd' ')" = 'one two three' ]
}

# shellcheck disable=SC2046 # words
shared() { example $(flags --cflags --libs) && readelf -dW "$at/launch" | grep -q 'NEEDED.*libkvick\.so\.0'; }
# shellcheck disable=SC2046
static() { example $(flags --cflags) "$prefix/lib/libkvick.a" && ! readelf -dW "$at/launch" | grep -q libkvick; }
# shellcheck disable=SC2046
all_static() { example -static $(flags --cflags --static --libs) && ! readelf -lW "$at/launch" | grep -q INTERP; }

says_why() {
	LD_LIBRARY_PATH=$prefix/lib "$at/launch" /no/such.elf 2>"$at/err" && return 1
	cat "$at/err"
	grep -q '/no/such.elf' "$at/err"
}

# A program that has functions of the same names as the library's own.
clash() {
	cat >"$at/clash.c" <<-'END'
		#include <kvick.h>
		int machine_run(void) { return 1; }
		int sys_open(void) { return 2; }
		int io_uring_queue_init(void) { return 3; }
		int main(void)
		{
			struct kvick_template *t;
			return machine_run() + sys_open() + io_uring_queue_init() != 6 ||
			       kvick_template_of_image(&t, "/no/such.elf", 0, 0) == 0;
		}
	END
	# shellcheck disable=SC2046 # words
	$cc -o "$at/clash" "$at/clash.c" $(flags --cflags) "$prefix/lib/libkvick.a" && "$at/clash"
}

check 'it is installed' install_all
sed -n 's/^KVICK_API.*[ *]\(kvick_[a-z_]*\)(.*/\1/p' include/kvick.h | sort >"$declared"
check 'the shared library has the names that the header declares, and no other' exported
check 'so has the static one' archived
check 'no state of its own' stateless
check 'no call that ends the process or prints' calls_nothing_of_the_process
check 'a name for its binary interface' soname
check 'nothing but the C library is needed' needs_libc_alone
check 'the header is C and C++, and enough' header_alone
check 'the example, with the shared library' shared
check 'the example, with the static library' static
check 'the example, with the static library and C library' all_static
check 'what went wrong is said' says_why
check 'names of the program are its own' clash
echo "# library install: $((count - failed)) passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
