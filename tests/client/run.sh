#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh [DIR]: kvick's commands that speak to kvickd, against a server that says what each test wants.
#
# DIR is build unless said otherwise. Needs DIR/kvick, DIR/kvick-client, DIR/client-tests/serve. CLIENT=FILE: another build of
# kvick-client. Prints TAP.

# shellcheck disable=SC2016,SC2086 # what stands in backquotes is meant so; names of commands are words
set -u
build=${1-build}
cd "$(dirname "$0")/../.." || exit 1
. tests/client/common.sh
unset KVICK_SOCKET

# --- the launcher ---

mkdir -p "$scratch/alone" "$scratch/usr/bin" "$scratch/usr/libexec/kvick"
cp "$kvick" "$scratch/alone/kvick"
cp "$kvick" "$scratch/usr/bin/kvick"
cp "${CLIENT-$build/kvick-client}" "$scratch/usr/libexec/kvick/kvick-client"
refused 'a launcher without kvick-client says what to build' 123 'make all' "$scratch/alone/kvick" invoke x
ends 0 "$scratch/usr/bin/kvick" functions --help
[ -n "$problem" ] || grep -q '^  functions add' "$out" || problem='no help'
check 'kvick-client is found in ../libexec/kvick' "$problem"
touch "$scratch/alone/kvick-client"
refused 'a kvick-client that cannot be executed is told' 123 'Permission denied' "$scratch/alone/kvick" invoke x
rm "$scratch/alone/kvick-client"
ends 0 "$kvick" --help
[ -n "$problem" ] || grep -q '^  invocations ' "$out" || problem='not listed'
check 'kvick --help lists the commands' "$problem"

kvick=$scratch/usr/bin/kvick

# --- the command line ---

refused 'a command that there is not' 120 'no such command' "$kvick" functions bogus
refused 'an option that there is not' 120 'no such option' "$kvick" invoke --bogus x
refused 'no name of a function' 120 'NAME is missing' "$kvick" invoke
refused 'an empty name of a function' 120 'NAME is missing' "$kvick" functions remove ''
refused 'no ID' 120 'ID is missing' "$kvick" invocations status
refused 'two names' 120 'one operand too many' "$kvick" invoke a b
refused 'a name for a list' 120 'one operand too many' "$kvick" functions list a
refused 'arguments for a call' 120 'nothing follows "--"' "$kvick" invoke a -- b
refused 'two requests' 120 'give one of them' "$kvick" invoke a --data b --file c
refused 'two servers' 120 'give one of them' "$kvick" invoke a --socket b --url http://c
refused 'a URL of another protocol' 120 'write http://HOST:PORT' "$kvick" invoke a --url ftp://b
refused 'a URL that is none' 120 'not a URL' "$kvick" invoke a --url 'http://['
refused 'a path too long for a socket' 120 'longer than' "$kvick" invoke a --socket "/$(printf '%0200d' 0)"
refused 'a function of nothing' 120 'one of --image' "$kvick" functions add a
refused 'a function of two things' 120 'one of --image' "$kvick" functions add a --image b --snapshot c
refused 'memory that is no size' 120 'not a size' "$kvick" functions add a --image b --memory lots
refused 'a time-out that is none' 120 'not a duration' "$kvick" functions add a --image b --timeout soon
refused 'a time-out between two milliseconds' 120 'not a duration' "$kvick" functions add a --image b --timeout 1.5ms
refused 'concurrency that is no number' 120 'write a number' "$kvick" functions add a --image b --concurrency 4K
refused 'a variable without a name' 120 'write NAME=VALUE' "$kvick" functions add a --image b --env =c
refused 'a variable that is not UTF-8' 120 'not UTF-8' "$kvick" functions add a --image b --env "c=$(printf '\377')"
refused 'an argument that is not UTF-8' 120 'not UTF-8' "$kvick" functions add a --image b -- "$(printf '\377')"
refused 'a reply to a file before there is one' 120 'invocations result' "$kvick" invoke a --async --output b
refused 'a request from a file that is not there' 123 'No such file' "$kvick" invoke a --file "$scratch/nothing"
ends 120 "$kvick" invocations
[ -n "$problem" ] || grep -q '^  invocations cancel' "$err" || problem='no help'
check 'a group of commands without one that goes without an ID' "$problem"
for each in invoke 'functions list' 'functions add' 'functions show' 'functions remove' 'invocations status' \
	'invocations result' 'invocations log' 'invocations cancel' 'service status' 'service metrics'; do
	ends 0 "$kvick" $each --help # words
	[ -n "$problem" ] || grep -q "^usage: kvick ${each%% *}" "$out" || problem='no usage'
	check "$each --help" "$problem"
done

# --- no server ---

refused 'no socket there' 123 'is kvickd running? `systemctl status kvickd`' "$kvick" invoke a --socket "$socket"
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$socket" 2>/dev/null || touch "$socket"
refused 'a socket that nobody listens at' 123 'is kvickd running?' "$kvick" invoke a --socket "$socket"
rm -f "$socket"
refused 'a port that nobody listens at' 123 'does kvickd run, with --listen?' "$kvick" service --url http://127.0.0.1:1
ends 123 "$kvick" functions --json --socket "$socket"
[ -n "$problem" ] || grep -q '^{"error":{"code":"unreachable","message":".*"}}$' "$out" || problem='no JSON'
check 'no socket there, as JSON' "$problem"

ends 123 "$kvick" invoke a --json --file "$scratch/$(printf '\377')"
[ -n "$problem" ] || grep -q '^{"error":{"code":"unreachable","message":"--file /.*/?: No such file' "$out" || problem='no JSON'
check 'a file whose name is not UTF-8, as JSON' "$problem"

# --- what is sent, and what is made of the answer ---

serve
export KVICK_SOCKET=$socket
reply '200 OK' '{"functions":[
	{"name":"echo","image":"echo.elf","memory":67108864,"concurrency":8,"warm":2,"timeout":1500,"state":"ready"},
	{"name":"s","snapshot":"snap","concurrency":1,"warm":0,"timeout":2000}]}'
ends 0 "$kvick" functions
asked 'GET /v1/functions HTTP/1.1'
prints 'name  image     snapshot  memory  concurrency  warm  timeout  state
echo  echo.elf  -         64M     8            2     1500 ms  ready
s     -         snap      -       1            0     2 s      -'
check 'functions are listed as a table' "$problem"
ends 0 "$kvick" functions list --json
[ -n "$problem" ] || grep -q '^{"functions":\[{"name":"echo",' "$out" || problem='no JSON'
check 'functions are listed as JSON' "$problem"
reply '200 OK' '{"functions":[]}'
ends 0 "$kvick" functions list
[ -n "$problem" ] || [ "$(wc -l <"$out")" -eq 1 ] || problem='more than a headline'
check 'no functions' "$problem"

reply '201 Created' '{"name":"f"}'
ends 0 "$kvick" functions add f --image f.elf --memory 64M --concurrency 4 --warm 0 --queue 9 --timeout 1.5s --env A=1 --env B=x=y \
	-- one --two
asked 'POST /v1/functions HTTP/1.1'
asked 'Content-Type: application/json'
members='"image":"f.elf","memory":67108864,"concurrency":4,"warm":0,"queue":9,"timeout":1500'
asked "{$members,\"environment\":{\"A\":\"1\",\"B\":\"x=y\"},\"name\":\"f\",\"arguments\":[\"one\",\"--two\"]}"
prints ''
check 'a function is added' "$problem"
ends 0 "$kvick" functions add f --snapshot s --json
asked '{"snapshot":"s","name":"f"}'
prints '{"name":"f"}'
check 'a function is added of a snapshot' "$problem"
reply '200 OK' '{"name":"f","memory":1048576,"environment":{"A":"1"},"extra":null}'
ends 0 "$kvick" functions show f
asked 'GET /v1/functions/f HTTP/1.1'
prints 'name         f
memory       1M
environment  {"A": "1"}
extra        -'
check 'a function is shown' "$problem"
reply '204 No Content' ''
ends 0 "$kvick" functions remove 'a/../b c?d'
asked 'DELETE /v1/functions/a%2F..%2Fb%20c%3Fd HTTP/1.1'
prints ''
check 'a name is one part of the path, whatever is in it' "$problem"

reply '200 OK' 'pong' 'Kvick-Invocation: i7' 'Server-Timing: queue;dur=0.01, launch;dur=0.25;desc=hit, guest;dur=1, total;dur=1.5'
ends 0 "$kvick" invoke f --data ping
asked 'POST /v1/functions/f/invocations HTTP/1.1'
asked 'Content-Type: application/octet-stream'
asked 'ping'
prints pong
check 'a call' "$problem"
ends 0 "$kvick" invoke f
asked 'Content-Length: 0'
prints pong
check 'a call with an empty request' "$problem"
ends 0 "$kvick" invoke f --timing
prints pong
says 'queue 0.010 ms, launch 0.250 ms (hit), guest 1.000 ms, total 1.500 ms'
check 'a call says where the time went' "$problem"
ends 0 "$kvick" invoke f --json
timing='{"queue":{"ms":0.01},"launch":{"ms":0.25,"description":"hit"},"guest":{"ms":1.0},"total":{"ms":1.5}}'
prints '{"id":"i7","timing":'"$timing"',"bytes":4,"reply":"pong"}'
check 'a call, as JSON' "$problem"
reply '200 OK' pong "Kvick-Invocation: $(printf 'i\377')" "Server-Timing: $(printf '\033[31m');dur=1"
ends 0 "$kvick" invoke f --json
prints '{"id":"","timing":{},"bytes":4,"reply":"pong"}'
check 'headers that are no text are none' "$problem"
printf 'a\000\377b' >"$scratch/binary"
reply '200 OK' "$scratch/binary"
ends 0 "$kvick" invoke f --json
[ -n "$problem" ] || grep -q '"bytes":4,"reply_base64":"YQD/Yg=="}$' "$out" || problem='no base64'
check 'a reply that is no text, as JSON' "$problem"
head -c 6291456 /dev/urandom >"$scratch/6M"
reply '200 OK' "$scratch/6M"
ends 0 sh -c 'cat "$1" | "$2" invoke f --file -' - "$scratch/6M" "$kvick"
[ -n "$problem" ] || cmp -s "$out" "$scratch/6M" || problem='another reply'
asked 'Content-Length: 6291456'
[ -n "$problem" ] || tail -c 6291456 "$request" | cmp -s - "$scratch/6M" || problem='another request'
check '6 MiB of anything both ways, from stdin' "$problem"
ends 0 "$kvick" invoke f --file "$scratch/6M" --output "$scratch/reply"
[ -n "$problem" ] || [ ! -s "$out" ] || problem='something on stdout'
[ -n "$problem" ] || cmp -s "$scratch/reply" "$scratch/6M" || problem='another reply'
check '6 MiB of anything both ways, by files' "$problem"
{ cat "$scratch/6M"; echo; } >"$scratch/7M"
refused 'a request that is too long' 120 'more than 6 MiB' "$kvick" invoke f --file "$scratch/7M"
reply '200 OK' "$scratch/7M"
refused 'a reply that is too long' 123 'longer than any' "$kvick" invoke f

reply '202 Accepted' '{"id":"i8","status":"queued"}' 'Kvick-Invocation: i8' 'Location: /v1/invocations/i8'
ends 0 "$kvick" invoke f --async --data ping
asked 'Prefer: respond-async'
prints i8
check 'a call that nobody waits for' "$problem"
ends 0 "$kvick" invoke f --async --json
prints '{"id":"i8","status":"queued"}'
check 'a call that nobody waits for, as JSON' "$problem"
ends 0 "$kvick" invocations status i8
asked 'GET /v1/invocations/i8 HTTP/1.1'
prints 'id      i8
status  queued'
check 'status of a call' "$problem"
serve
reply '200 OK' 'done' 'Kvick-Invocation: i8'
cp "$served/reply" "$served/reply.3"
reply '200 OK' '{"id":"i8","status":"running"}'
cp "$served/reply" "$served/reply.1"
reply '200 OK' '{"id":"i8","status":"succeeded"}'
ends 0 "$kvick" invocations result i8 --wait
asked 'GET /v1/invocations/i8/result HTTP/1.1'
prints 'done'
[ -n "$problem" ] || [ -e "$served/request.3" ] || problem='not asked three times'
check 'the reply of a call, as soon as it is there' "$problem"
serve
printf 'one\033[31m\n' >"$scratch/log"
reply '200 OK' "$scratch/log"
ends 0 "$kvick" invocations log i8
asked 'GET /v1/invocations/i8/log HTTP/1.1'
[ -n "$problem" ] || cmp -s "$out" "$scratch/log" || problem='another log'
check 'log of a call' "$problem"
reply '204 No Content' ''
ends 0 "$kvick" invocations cancel i8
asked 'DELETE /v1/invocations/i8 HTTP/1.1'
check 'a call is ended' "$problem"
reply '200 OK' '{"status":"ok","functions":2}'
ends 0 "$kvick" service
asked 'GET /healthz HTTP/1.1'
prints 'status     ok
functions  2'
check 'kvickd is well' "$problem"
reply '200 OK' 'kvick_functions 2'
ends 0 "$kvick" service metrics
asked 'GET /metrics HTTP/1.1'
prints 'kvick_functions 2'
check 'metrics' "$problem"

serve tcp
reply '200 OK' pong
proxy=http://127.0.0.1:1
ends 0 env http_proxy=$proxy all_proxy=$proxy "$kvick" invoke f --url "http://127.0.0.1:$(cat "$scratch/port")"
prints pong
check 'over TCP, past any proxy' "$problem"
serve

# --- the server says no ---

reply '400 Bad Request' '{"error":{"code":"out_of_range","field":"memory","message":"must be at most 64 GiB"}}'
refused 'a field that is refused is named' 122 'f: memory: must be at most 64 GiB' "$kvick" functions add f --image f --memory 1T
reply '409 Conflict' '{"error":{"code":"exists","field":"name","message":"there is one\u001b[2J\n"}}'
refused 'what kvickd says cannot move the cursor' 122 'f: name: there is one?[2J?' "$kvick" functions add f --image f
reply '404 Not Found' '{"error":{"code":"not_found","message":"there is no such function"}}'
refused 'a function that there is not' 122 'f: there is no such function' "$kvick" invoke f
ends 122 "$kvick" invoke f --json
prints '{"error":{"code":"not_found","message":"there is no such function"}}'
check 'a function that there is not, as JSON' "$problem"
reply '429 Too Many Requests' '{"error":{"code":"queue_full","message":"128 wait"}}' 'Retry-After: 2'
refused 'a full queue says when to try again' 119 'try again in 2 s' "$kvick" invoke f
reply '503 Service Unavailable' '{"error":{"code":"draining","message":"kvickd is ending"}}'
refused 'a server that is ending' 119 'kvickd is ending' "$kvick" invoke f
reply '503 Service Unavailable' '{"status":"stopping"}' 'Retry-After: 1'
refused 'so is its health' 119 'kvickd: stopping; try again in 1 s' "$kvick" service
reply '500 Internal Server Error' '{"error":{"code":"host_failed","message":"KVM_RUN: Cannot allocate memory"}}'
refused 'a host that cannot' 123 'f: KVM_RUN' "$kvick" invoke f
reply '502 Bad Gateway' '{"error":{"code":"crashed","message":"guest crashed: #PF"}}' 'Kvick-Invocation: i9'
refused 'a guest that crashes' 121 'f: guest crashed: #PF; `kvick invocations log i9` has its output' "$kvick" invoke f
reply '504 Gateway Timeout' '{"error":{"code":"timeout","message":"did not reply within 2 s"}}'
refused 'a guest that takes too long' 124 'did not reply within 2 s' "$kvick" invoke f

# --- it is no kvickd ---

reply '200 OK' '<html><body>Welcome to nginx!</body></html>' 'Content-Type: text/html'
refused 'a web page' 123 'is it kvickd that listens there?' "$kvick" functions
reply '502 Bad Gateway' '<html><body>502</body></html>' 'Content-Type: text/html'
refused 'a proxy that says 502 is no guest that crashes' 123 'status 502 without a reason' "$kvick" invoke f
reply '302 Found' '' 'Location: http://127.0.0.1:1/'
refused 'a redirection is not followed' 123 'status 302' "$kvick" functions
echo 'SSH-2.0-OpenSSH_9.2' >"$served/reply"
refused 'another protocol' 123 'no kvickd' "$kvick" functions
: >"$served/reply"
refused 'not a word' 123 'no whole answer' "$kvick" functions
printf 'HTTP/1.1 200 OK\r\nContent-Le' >"$served/reply"
refused 'a header that breaks off' 123 'kvickd' "$kvick" functions
printf 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome' >"$served/reply"
refused 'a body that breaks off' 123 'no whole answer' "$kvick" invoke f
printf 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\nzz\r\n' >"$served/reply"
refused 'chunks that are none' 123 'no whole answer' "$kvick" invoke f
{ printf 'HTTP/1.1 200 OK\r\n'; yes 'X-Filler: 0123456789012345678901234567890123456789' | head -n 20000; } >"$served/reply"
refused 'headers without end' 123 'longer than any' "$kvick" invoke f
{ printf 'HTTP/1.1 200 OK\r\n\r\n'; head -c 20000000 /dev/zero; } >"$served/reply"
refused 'a body without end' 123 'longer than any' "$kvick" functions
reply '200 OK' "$(printf '[%.0s' $(seq 100000))"
refused 'JSON that is deep' 123 'no JSON' "$kvick" functions
for json in '[]' null '"x"' 7; do
	reply '200 OK' "$json"
	refused "$json is no list" 123 'no JSON object' "$kvick" functions
	refused "$json is no function" 123 'no JSON object' "$kvick" functions show f
done
for json in '{}' '{"functions":7}' '{"functions":{"a":1}}'; do
	reply '200 OK' "$json"
	refused "$json is no list" 123 'is it kvickd that listens there?' "$kvick" functions
done
reply '200 OK' '{"functions":[1,null,{"name":[]},{"name":{"a":"b"},"memory":"x","timeout":0.5}]}'
ends 0 "$kvick" functions
[ -n "$problem" ] || [ "$(wc -l <"$out")" -eq 5 ] || problem='not a line for each'
check 'a list of anything' "$problem"
reply '202 Accepted' '{"id":"i8"}'
refused 'a call without an ID' 123 'by which ID' "$kvick" invoke f --async

# --- waiting is over ---

# Nothing is answered, and it is noted when the client leaves.
held() {
	serve
	: >"$served/reply"
	: >"$served/hold"
}

left() {
	tries=0
	until [ -n "$problem" ] || [ -e "$served/left.1" ]; do
		sleep 0.01
		tries=$((tries + 1))
		[ $tries -lt 3000 ] || problem='the connection stayed'
	done
}

held
refused 'a call takes longer than --timeout' 124 'no answer within 0.2 s' "$kvick" invoke f --timeout 200ms
left
check 'and the connection is closed' "$problem"
for signal in INT TERM HUP; do
	held
	# shellcheck disable=SC2016 # it is for the other shell; which would have SIGINT ignored
	ends $((128 + $(kill -l $signal))) sh -c 'env --default-signal=INT "$1" invoke f & until [ -e "$2" ]; do sleep 0.01; done
		kill -"$3" $!; wait $!' - "$kvick" "$served/request.1" $signal
	says "f: ended by signal $(kill -l $signal)"
	left
	check "a call is ended by SIG$signal, and the connection is closed" "$problem"
done
held
touch "$served/deaf"
refused 'a server that does not read' 124 'no answer' "$kvick" invoke f --file "$scratch/6M" --timeout 500ms

# --- where it goes ---

serve
reply '200 OK' pong
echo before >"$scratch/there"
ends 0 "$kvick" invoke f --output "$scratch/there"
[ -n "$problem" ] || [ "$(cat "$scratch/there")" = pong ] || problem='the file is not the reply'
check 'the reply replaces what was in the file' "$problem"
refused 'a reply to where no file can be is refused before the call' 123 '--output' "$kvick" invoke f --output "$scratch/no/file"
[ ! -e "$served/request.2" ] || fail 'nothing was sent' 'there was a second request'
refused 'a reply to a full disk' 123 'No space left' "$kvick" invoke f --output /dev/full
# shellcheck disable=SC2016
refused 'a reply to a full stdout' 123 'stdout' sh -c '"$1" invoke f >/dev/full' - "$kvick"
# shellcheck disable=SC2016
ends 0 sh -c '"$1" invoke f >&- 2>&- <&-' - "$kvick"
check 'closed descriptors' "$problem"
reply '404 Not Found' '{"error":{"code":"not_found","message":"there is no such function"}}'
ends 122 "$kvick" invoke f --output "$scratch/there"
[ -n "$problem" ] || [ "$(cat "$scratch/there")" = pong ] || problem='the file is another'
ends 122 "$kvick" invoke f --output "$scratch/new"
[ -n "$problem" ] || [ ! -e "$scratch/new" ] || problem='there is a file'
check 'without a reply the file stays as it is' "$problem"

# --- at a terminal ---

# shown NAME CODE SCRIPT PATTERN COMMAND…: what a terminal shows has a line of this pattern, and no escape sequence but ours.
shown() {
	name=$1 code_wanted=$2 script=$3 pattern=$4
	shift 4
	if ! python3 -c 'import termios' 2>/dev/null; then
		skip "$name" 'no python3'
		return
	fi
	ends "$code_wanted" tests/terminal.py "$script" "$@"
	tr '\r' '\n' <"$out" | sed "s/^$escape\[K//" >"$scratch/shown"
	if [ -n "$problem" ]; then
		:
	elif ! grep -Eq -- "$pattern" "$scratch/shown"; then
		problem="not shown: $pattern"
	elif grep -q "$escape" "$scratch/shown"; then
		problem='an escape sequence came through'
	fi
	check "$name" "$problem"
}

reply '200 OK' 'plain text'
shown 'a reply that is text' 0 '' '^plain text$' "$kvick" invoke f
printf 'a\033[31m\302\233b\000\n' >"$scratch/log"
reply '200 OK' "$scratch/log"
shown 'a log does nothing to the terminal' 0 '' '^a\\x1b\[31m(\\xc2)?\\x9bb\\x00$' "$kvick" invocations log i8
shown 'nor does a short reply' 0 '' '^a\\x1b\[31m(\\xc2)?\\x9bb\\x00$' "$kvick" invoke f
reply '200 OK' "$scratch/6M"
shown 'of a long reply that is no text there is the beginning' 0 '' 'the first 1024 of 6291456 bytes' "$kvick" invoke f
reply '200 OK' "{\"functions\":[{\"name\":\"a\\u001b[31m\"}]}"
shown 'a name does nothing to the terminal' 0 '' '^a\\x1b\[31m ' "$kvick" functions
held
shown 'a second of waiting is shown, and Ctrl-C ends it' 130 '@waiting \x03' 'kvick: f: waiting, [0-9]+ s' "$kvick" invoke f
held
touch "$served/deaf"
shown 'a second of sending is shown' 130 '@sending \x03' 'kvick: f: sending, 0.[0-9] of 6.0 MiB' \
	"$kvick" invoke f --file "$scratch/6M"
total client
