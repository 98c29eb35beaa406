#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# kvickd.sh [DIR]: kvick's commands against kvickd itself, whose worker has no VMs (tests/server/fake_worker.c).
#
# DIR is build unless said otherwise. Needs DIR/kvick, DIR/kvick-client, DIR/kvickd, DIR/server/fake_worker, DIR/client-tests/serve.
# Prints TAP.

set -u
build=${1-build}
cd "$(dirname "$0")/../.." || exit 1
. tests/client/common.sh

mkdir "$scratch/images"
echo image >"$scratch/images/f.elf"

"$build/kvickd" --socket "$socket" --images "$scratch/images" --kvm /dev/null --worker "$build/server/fake_worker" \
	--log "$scratch/log" &
server=$!
until "$kvick" service --socket "$socket" >/dev/null 2>&1; do
	kill -0 $server 2>/dev/null || exit 1 # it has said why
	sleep 0.01
done

# until_shows TEXT COMMAND…: repeats a command until it prints a line with TEXT.
until_shows() {
	text=$1
	shift
	for _ in $(seq 1000); do
		[ -z "$problem" ] && "$@" >"$out" 2>"$err" && grep -Fq -- "$text" "$out" && return
		sleep 0.02
	done
	problem=${problem:-"never shown: $text"}
}

export KVICK_SOCKET=$socket
ends 0 "$kvick" service
[ -n "$problem" ] || grep -Eq '^status +ok$' "$out" || problem='not ok'
check 'kvickd is well' "$problem"
ends 0 "$kvick" functions add f --image f.elf --memory 64M --concurrency 2 --warm 1 --queue 1 --timeout 20s --env A=b -- one two
check 'a function is added' "$problem"
refused 'a function of the same name is refused' 122 'f: name: ' "$kvick" functions add f --image f.elf
refused 'an image that is not there is refused' 122 'g: image: ' "$kvick" functions add g --image g.elf
refused 'a path that leads out is refused' 122 'g: image: ' "$kvick" functions add g --image ../log
refused 'a name that is none is refused' 122 'G/: name: ' "$kvick" functions add G/ --image f.elf
refused 'a variable that is none is refused' 122 'g: environment: ' "$kvick" functions add g --image f.elf --env 1=2
ends 0 "$kvick" functions
[ -n "$problem" ] || grep -Eq '^f +f.elf +- +64M +2 +1 +20 s +ready$' "$out" || problem='another list'
check 'functions are listed' "$problem"
ends 0 "$kvick" functions show f --json
[ -n "$problem" ] || grep -Fq '"environment":{"A":"b"},"arguments":["one","two"]' "$out" || problem='not as it was added'
check 'a function is what was added' "$problem"

ends 0 "$kvick" invoke f --data 'hello there'
prints 'hello there'
check 'a call' "$problem"
problem=
until_shows '"warm": 1' "$kvick" functions show f
ends 0 "$kvick" invoke f --data hello --timing
prints hello
says ' ms (hit), guest '
check 'a call that finds a warm VM says so' "$problem"
head -c 6291456 /dev/urandom >"$scratch/6M"
ends 0 "$kvick" invoke f --file "$scratch/6M" --output "$scratch/reply"
[ -n "$problem" ] || cmp -s "$scratch/6M" "$scratch/reply" || problem='another reply'
check '6 MiB of anything both ways' "$problem"
refused 'a guest that crashes' 121 'page fault' "$kvick" invoke f --data crash
id=$(sed -n 's/.*invocations log \([0-9a-f]*\).*/\1/p' "$err")
ends 0 "$kvick" invocations status "$id"
[ -n "$problem" ] || grep -Eq '^status +failed$' "$out" || problem='not failed'
check 'its status is there afterwards' "$problem"
ends 0 "$kvick" invocations log "$id"
check 'so is its log' "$problem"
refused 'its result was taken already' 122 'not kept' "$kvick" invocations result "$id"
refused 'a guest that answers twice' 121 'twice' "$kvick" invoke f --data twice
refused 'a guest that does not answer' 121 'did not reply' "$kvick" invoke f --data 'exit 3'
refused 'a function that there is not' 122 'g: there is no function' "$kvick" invoke g
refused '6 MiB for a function that there is not' 122 'g: there is no function' "$kvick" invoke g --file "$scratch/6M"
refused 'an invocation that there is not' 122 'there is none' "$kvick" invocations status 0123456789abcdef

ends 0 "$kvick" invoke f --async --data 'sleep 100'
id=$(cat "$out")
check 'a call that nobody waits for' "$problem"
ends 0 "$kvick" invocations result "$id" --wait
prints slept
check 'is waited for later' "$problem"
ends 0 "$kvick" invoke f --async --data 'sleep 60000'
id=$(cat "$out")
until_shows running "$kvick" invocations status "$id"
check 'a call that goes on' "$problem"
refused 'has no result before its end' 122 'not over yet' "$kvick" invocations result "$id"
ends 0 "$kvick" invocations cancel "$id"
until_shows cancelled "$kvick" invocations status "$id"
check 'and is cancelled' "$problem"
refused 'a call that was cancelled has no result' 122 'was cancelled' "$kvick" invocations result "$id" --wait
refused 'a call that is over cannot be cancelled' 122 'is over' "$kvick" invocations cancel "$id"

for signal in INT TERM; do
	before=$("$kvick" service metrics | sed -n 's/^kvick_invocations_total{function="f",status="cancelled"} //p')
	env --default-signal=INT "$kvick" invoke f --data 'sleep 60000' >"$out" 2>"$err" &
	client=$! problem=
	until_shows '"busy": 1' "$kvick" functions show f
	kill -$signal $client
	wait $client
	code=$?
	[ $code -eq $((128 + $(kill -l $signal))) ] || problem="exit code $code"
	until_shows "kvick_invocations_total{function=\"f\",status=\"cancelled\"} $((before + 1))" "$kvick" service metrics
	until_shows '"busy": 0' "$kvick" functions show f
	check "SIG$signal to who waits cancels the call" "$problem"
done
before=$("$kvick" service metrics | sed -n 's/^kvick_invocations_total{function="f",status="cancelled"} //p')
refused 'a call that takes longer than --timeout' 124 'no answer within 0.2 s' \
	"$kvick" invoke f --data 'sleep 60000' --timeout 200ms
until_shows "kvick_invocations_total{function=\"f\",status=\"cancelled\"} $((before + 1))" "$kvick" service metrics
check 'is cancelled too' "$problem"

# Two run, one waits, and the next is too many.
ids=
for busy in 1 2 2; do
	ids="$ids $("$kvick" invoke f --async --data 'sleep 60000')"
	until_shows "\"busy\": $busy" "$kvick" functions show f
done
refused 'a full queue' 119 'try again in 1 s' "$kvick" invoke f
for id in $ids; do "$kvick" invocations cancel "$id"; done
until_shows '"busy": 0' "$kvick" functions show f
ends 0 "$kvick" functions add short --image f.elf --timeout 50ms
refused 'a guest that takes too long' 124 'time-out' "$kvick" invoke short --data 'sleep 60000'
ends 0 "$kvick" functions remove short
check 'a function is removed' "$problem"
refused 'a function that was removed' 122 'no function' "$kvick" functions show short
ends 0 "$kvick" service metrics
[ -n "$problem" ] || grep -q '^kvick_invocations_total{' "$out" || problem='no metrics'
check 'metrics' "$problem"

"$kvick" invoke f --data 'sleep 60000' >/dev/null 2>"$err" &
client=$! problem=
until_shows '"busy": 1' "$kvick" functions show f
kill -TERM $server
while [ -e "$socket" ]; do sleep 0.01; done
refused 'a server that ends takes no more calls' 123 "is kvickd running?" "$kvick" invoke f
kill -TERM $server
wait $client
code=$?
problem=
[ $code -eq 119 ] || problem="exit code $code instead of 119"
check 'a call that ends with kvickd is one to try again' "$problem"
server=
total client-kvickd
