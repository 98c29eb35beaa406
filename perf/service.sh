# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The measures of launching as a service: launches.*, restore.*, resident.* and service.*. A part of run.sh, whose variables and
# functions it uses.
# shellcheck disable=SC2154 # $floor, $kvick, $pairs, $work are run.sh's

launches=$BUILD/perf/launches
load=$BUILD/perf/load

# What was started is ended when run.sh ends: measures run in subshells, which cannot keep a variable.
service_end() {
	local pid
	[ -f "$work/pids" ] || return 0
	while read -r pid; do
		kill "$pid" 2>/dev/null || true
	done <"$work/pids"
}

# await PATH: until a socket is there and accepts, at most ten seconds.
await() {
	local i
	for ((i = 0; i < 200; i++)); do
		[ ! -S "$1" ] || return 0
		sleep 0.05
	done
	return 1
}

# --- launches in one process ---

LOOPS=50 # of the floor and of kvick in each round

# loop_rate MODE IMAGE: launches a second of `launches MODE`, as a multiple of the floor's loop.
loop_rate() {
	"$pairs" -n 21 -w 2 --json --name-a kvick --name-b floor -- "$launches" "$1" "$LOOPS" --mem 16 "$2" \
		--vs "$floor" 16M --ring "$(ring)" --irqchip split --loop "$LOOPS" >"$work/loop-$1.json"
	awk -v ratio="$(json "$work/loop-$1.json" pairs.0.ratio)" -v low="$(json "$work/loop-$1.json" pairs.0.ratio_low)" \
		-v high="$(json "$work/loop-$1.json" pairs.0.ratio_high)" \
		'BEGIN { printf "%.3f %.3f %.3f\n", 1 / ratio, 1 / high, 1 / low }'
}

measure_launches_once() { loop_rate once "$hello"; }

# Rounds of both by turns: where the pool's launches lie, what the floor took beside them.
pool_rounds() {
	local i
	[ ! -s "$work/pool" ] || return 0
	for ((i = 0; i < 21; i++)); do
		"$launches" pool 500 "$BUILD/guests/stamp.elf" >"$work/pool.json"
		"$floor" 16M --ring "$(ring)" --irqchip split --loop "$LOOPS" >"$work/floor"
		sort -n "$work/floor" | awk -v first="$(json "$work/pool.json" first.p50)" \
			-v replied="$(json "$work/pool.json" replied.p50)" -v rate="$(json "$work/pool.json" per_second)" \
			'{ created[NR] = $1; all += $1 + $2 }
			END { print first, created[int((NR + 1) / 2)], rate, NR * 1e6 / all, replied }' >>"$work/pool"
	done
}

# middle: the median of the numbers on stdin, and the quartiles.
middle() {
	sort -n | awk '{ r[NR] = $1 } END { if (NR) print r[int((NR + 1) / 2)], r[int((NR + 3) / 4)], r[int((3 * NR + 3) / 4)] }'
}

measure_launches_pooled() { pool_rounds; awk '{ printf "%.2f\n", $3 / $4 }' "$work/pool" | middle; }
measure_launches_first() { pool_rounds; awk '{ printf "%.3f\n", $1 / $2 }' "$work/pool" | middle; }
measure_launches_first_us() { pool_rounds; awk '{ print $1 }' "$work/pool" | middle; }
measure_launches_reply_us() { pool_rounds; awk '{ print $5 }' "$work/pool" | middle; }

# --- restoring ---

# table_snapshot MIB HOW: of a table of that size; prints its directory. HOW: together or scattered.
table_snapshot() {
	local dir=$work/table-$1-$2
	if [ ! -d "$dir" ]; then
		"$kvick" snapshot --mem $(($1 + 16))M -o "$dir" "$BUILD/guests/table.elf" -- "$1" 512 "$2" \
			>"$work/snapshot.out" 2>&1 || return 1
		"$kvick" restore "$dir" >/dev/null # the first records the working set
	fi
	echo "$dir"
}

# restore_ratio MIB HOW
restore_ratio() {
	local dir
	dir=$(table_snapshot "$1" "$2") || { echo "? no snapshot"; return; }
	"$pairs" -n "$PAIRS" --json --name-a kvick --name-b floor -- "$kvick" restore "$dir" \
		--vs "$floor" $(($1 + 16))M --ring "$(ring)" --irqchip split >"$work/restore-$1-$2.json"
	echo "$(json "$work/restore-$1-$2.json" pairs.0.ratio) $(json "$work/restore-$1-$2.json" pairs.0.ratio_low)" \
		"$(json "$work/restore-$1-$2.json" pairs.0.ratio_high)"
}

measure_restore_together() { restore_ratio 256 together; }
measure_restore_scattered() { restore_ratio 256 scattered; }
measure_restore_scattered_us() { json "$work/restore-256-scattered.json" pairs.0.a_median_us; }
# As memory.growth: KVM itself takes longer to be told of more memory, and the floor has that too.
measure_restore_size() {
	local small large ring
	ring=$(ring)
	small=$(table_snapshot 64 together) && large=$(table_snapshot 1024 together) || { echo "? no snapshot"; return; }
	"$pairs" -n "$PAIRS" --json --name-a 1G --name-b floor-1G --name-c 64M --name-d floor-64M -- \
		"$kvick" restore "$large" --vs "$floor" 1040M --ring "$ring" --irqchip split \
		--and "$kvick" restore "$small" --vs "$floor" 80M --ring "$ring" --irqchip split >"$work/size.json"
	rm -rf "$large"
	awk -v us="$(json "$work/size.json" growth_us)" -v low="$(json "$work/size.json" growth_us_low)" \
		-v high="$(json "$work/size.json" growth_us_high)" -v of="$(json "$work/size.json" pairs.1.b_median_us)" \
		'BEGIN { printf "%.1f %.1f %.1f\n", 100 * us / of, 100 * low / of, 100 * high / of }'
}

# --- many at once ---

# resident IN-PROCESS: 1,000 clones, so many in each process.
resident() {
	[ -s "$work/resident-$1.json" ] ||
		"$launches" resident "${CLONES:-1000}" --mem 64 --in-process "$1" "$BUILD/guests/stamp.elf" \
			>"$work/resident-$1.json"
}
# resident_ratio IN-PROCESS WHAT
resident_ratio() {
	resident "$1"
	awk -v full="$(json "$work/resident-$1.json" "$2_full.p50")" -v of="$(json "$work/resident-$1.json" "$2_empty.p50")" \
		'BEGIN { if (of > 0) printf "%.3f\n", full / of }'
}

measure_resident_kib() { resident 32; json "$work/resident-32.json" pss_kib; }
measure_resident_kernel_kib() { resident 32; json "$work/resident-32.json" kernel_kib; }
measure_resident_launch() { resident_ratio 32 made; }
measure_resident_launch_one() { resident_ratio 1000 made; }
measure_resident_pooled() { resident_ratio 32 asked; }

# --- the server ---

BODY=1024 # bytes of request, reply and nginx's file

# on_cpu N: words before a command.
on_cpu() {
	if command -v taskset >/dev/null && [ "$(nproc)" -gt 1 ]; then echo "taskset -c $1"; fi
}

nginx_start() {
	local dir=$work/nginx
	[ ! -S "$dir/socket" ] || return 0
	command -v nginx >/dev/null || return 1
	mkdir -p "$dir/www"
	head -c "$BODY" /dev/urandom >"$dir/www/file"
	# One worker, as kvickd is one thread. /dev/null as a log of errors: it wants one.
	cat >"$dir/nginx.conf" <<-END
		daemon off;
		worker_processes 1;
		pid $dir/pid;
		error_log /dev/null crit;
		events { worker_connections 4096; }
		http {
			access_log off;
			sendfile on;
			tcp_nopush on;
			open_file_cache max=16;
			keepalive_timeout 1h;
			keepalive_requests 1000000000;
			client_body_temp_path $dir/body;
			proxy_temp_path $dir/proxy;
			fastcgi_temp_path $dir/fastcgi;
			uwsgi_temp_path $dir/uwsgi;
			scgi_temp_path $dir/scgi;
			server { listen unix:$dir/socket; root $dir/www; }
		}
	END
	# Root gives its worker another user, who may not be let into a folder of ours.
	[ "$(id -u)" -ne 0 ] || sed -i '1i user root;' "$dir/nginx.conf"
	# It and the client have a processor each: on one, by turns of the scheduler, it is two to three times as fast.
	$(on_cpu 0) nginx -p "$dir" -c "$dir/nginx.conf" >/dev/null 2>&1 &
	echo $! >>"$work/pids"
	await "$dir/socket"
}

kvickd_start() {
	local dir=$work/kvickd
	[ ! -S "$dir/socket" ] || return 0
	mkdir -p "$dir/state" "$dir/images"
	"$kvick" snapshot -o "$dir/images/echo" "$BUILD/guests/echo.elf" >"$dir/out" 2>&1 || return 1
	cp "$BUILD/guests/echo.elf" "$dir/images/"
	"$BUILD/kvickd" --socket "$dir/socket" --images "$dir/images" --state "$dir/state" --log "$dir/log" >"$dir/out" 2>&1 &
	echo $! >>"$work/pids"
	await "$dir/socket" || return 1
	"$kvick" functions add echo --snapshot echo --warm 4 --concurrency 8 --socket "$dir/socket" >"$dir/out" 2>&1 || return 1
	"$kvick" functions add boots --image echo.elf --warm 4 --concurrency 8 --socket "$dir/socket" >"$dir/out" 2>&1
}

echo_path=/v1/functions/echo/invocations

# against_nginx FUNCTION: one request after another, by turns.
against_nginx() {
	command -v nginx >/dev/null || { echo "? needs nginx"; return; }
	nginx_start && kvickd_start || { echo "? a server did not start: $(tail -n 1 "$work/kvickd/out")"; return; }
	$(on_cpu 1) "$load" --body "$BODY" -n 100 --rounds 31 "$work/kvickd/socket" "/v1/functions/$1/invocations" \
		--vs "$work/nginx/socket" /file >"$work/$1.json"
	echo "$(json "$work/$1.json" ratio) $(json "$work/$1.json" ratio_low) $(json "$work/$1.json" ratio_high)"
}

measure_service_echo_p50() { against_nginx echo; }
measure_service_boots_p50() { against_nginx boots; }
measure_service_echo_us() { json "$work/echo.json" a.all.p50; }
measure_service_nginx_us() { json "$work/echo.json" b.all.p50; }

measure_service_echo_knee() {
	kvickd_start || { echo "? kvickd did not start: $(tail -n 1 "$work/kvickd/out")"; return; }
	[ -s "$work/knee.json" ] || "$load" --body "$BODY" --knee --seconds 1 "$work/kvickd/socket" $echo_path >"$work/knee.json"
	json "$work/knee.json" knee
}

# The best of five: a host that does something else for a moment makes p99 longer, and nothing makes it shorter.
measure_service_echo_p99() {
	local i knee
	knee=$(measure_service_echo_knee)
	[[ $knee =~ ^[0-9]+$ ]] || { echo "? no knee: $knee"; return; }
	for ((i = 0; i < 5; i++)); do
		"$load" --body "$BODY" --rate $((knee / 2)) --seconds 2 "$work/kvickd/socket" $echo_path >"$work/half.json"
		awk -v p99="$(json "$work/half.json" all.p99)" -v of="$(json "$work/half.json" all.p50)" \
			'BEGIN { if (of > 0) printf "%.2f\n", p99 / of }'
	done | sort -n | awk '{ r[NR] = $1 } END { if (NR) print r[1], r[1], r[NR] }'
}
