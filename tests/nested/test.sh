#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# nested/test.sh BUILD MANIFEST [OPTION…]: `kvick test` in the nested machine, for hosts without KVM.
#
# Into the machine go the manifest and what it names: the values of its keys that are files, and what stands behind $MANIFEST_DIR/
# or {manifest_dir}/. --add PATH adds a file or a folder; --memory MIB and --limit SECONDS are the machine's. All other options
# are those of `kvick test`, but for --update-golden, --keep and --kvick; what --junit and --json write is copied out.
#
# Exit status: that of `kvick test`; 124 and 125 as machine.sh has them.

set -u

die() { printf 'nested test: %s\n' "$*" >&2; exit 2; }

[ $# -ge 2 ] || die 'usage: nested/test.sh BUILD MANIFEST [--add PATH]... [--memory MIB] [--limit SECONDS] [OPTION]...'
build=$1 manifest=$2
shift 2
here=$(dirname "$0")
case $manifest in -*) manifest=./$manifest ;; esac
[ -f "$manifest" ] || die "$manifest: there is no such file"
folder=$(cd "$(dirname "$manifest")" && pwd) || exit 2

# Relative, so that it is right in there, too.
manifest=$(realpath -ms --relative-to=. -- "$manifest")

# In the machine all of it lies below /here, at its own path, for /tmp is another there; but for what is named by an absolute path.
top=/here
list=$(mktemp) || exit 2
trap 'rm -f "$list"' EXIT

# shellcheck disable=SC2016 # the words of the manifest
# Values go to the end of the line. A disk may be a size, and that is no file.
named() {
	sed -nE 's/^[[:blank:]]*(image|stdin|request|reply|console golden)[[:blank:]]*=[[:blank:]]*//p' "$1"
	sed -nE 's/^[[:blank:]]*(solo5 )?disk[[:blank:]]*=[[:blank:]]*//p' "$1" |
		sed -E 's/^[^=,]*=//; s/^copy[[:blank:]]+//; s/,.*//'
	grep -v '^[[:blank:]]*#' "$1" | grep -oE '(\$MANIFEST_DIR|\$\{MANIFEST_DIR\}|\{manifest_dir\})/[^]["'\'' ,;|&)]+' |
		sed 's:^[^/]*/::'
}

# take PATH TOP: to be put below TOP.
take() {
	[ -e "$1" ] || return 0 # whatever it is: `kvick test` says what it lacks
	file=$(realpath -ms -- "$1")
	echo "$file:$2$file" >>"$list"
}

take "$folder/$(basename "$manifest")" $top
named "$manifest" | sed 's/[[:space:]]*$//' | while IFS= read -r file; do
	case $file in
	'') ;;
	/*) take "$file" '' ;;
	*) take "$folder/$file" $top ;;
	esac
done

memory='' limit=1500 format='' gets='' number=0
[ ! -t 1 ] || format=human
count=$#
while [ $count -gt 0 ]; do
	option=$1
	shift
	count=$((count - 1))
	case $option in
	--add | --memory | --limit | --junit | --json)
		[ $count -gt 0 ] || die "$option needs a value"
		value=$1
		shift
		count=$((count - 1))
		;;
	--junit=* | --json=*) value=${option#*=} option=${option%%=*} ;;
	--format | --format=*) format=theirs ;;
	--update-golden | --keep | --kvick | --kvick=*) die "$option: not in the machine, which leaves nothing but the reports" ;;
	esac
	case $option in
	--add) [ -e "$value" ] || die "--add $value: there is no such file"; take "$value" $top ;;
	--memory) memory=$value ;;
	--limit) limit=$value ;;
	--junit | --json)
		if [ "$value" != - ]; then
			number=$((number + 1))
			gets="$gets--get
/tmp/results-$number:$value
"
			value=/tmp/results-$number
		fi
		set -- "$@" "$option" "$value"
		;;
	*) set -- "$@" "$option" ;;
	esac
done
[ "$format" = theirs ] || set -- "$@" --format "${format:-tap}"

# What CI services say of themselves, with paths as they are in there.
set -- env "GITHUB_ACTIONS=${GITHUB_ACTIONS-}" "GITHUB_WORKSPACE=${GITHUB_WORKSPACE:+$top$GITHUB_WORKSPACE}" \
	"CI_PROJECT_DIR=${CI_PROJECT_DIR:+$top$CI_PROJECT_DIR}" kvick test "$@" "$manifest"
# shellcheck disable=SC2016 # of the inner shell
set -- -- sh -c 'mkdir -p "$1" && cd "$1" && shift && exec "$@"' sh "$top$(pwd)" "$@"

sort -u -o "$list" "$list"
if [ -z "$memory" ]; then
	mib=$(sed 's/:[^:]*$//' "$list" | tr '\n' '\0' | du -cmL --files0-from=- | tail -n 1 | cut -f 1)
	memory=$((512 + 3 * mib))
fi
IFS='
'
set -f
# shellcheck disable=SC2013 # split at newlines
for add in $(cat "$list"); do
	set -- --add "$add" "$@"
done
# shellcheck disable=SC2086 # split at newlines
set -- $gets "$@"
unset IFS
for program in kvick kvick-test kvick-floor; do
	set -- --add "$build/$program:/bin/$program" "$@"
done
"$here/machine.sh" --module tun --timeout "$limit" --memory "$memory" "$@"
