#!/usr/bin/env bash
# Runs emaudit beside the tools that administrators use today, on the same
# generated data and on the same machine at the same time, and prints a Markdown
# table: medians of wall time and of peak memory, and the ratios of wall time and of
# processor time. The latter depends less on what else the machine does.
#
# usage: bench/peers.sh [log|host]...          (both)
#
# A peer that is not installed is left out, which is said. The commands can be
# set in the environment:
#
#   EMAUDIT   build/emaudit        built first where it is missing
#   QLOP      qlop                 app-portage/portage-utils
#   EMLOP     emlop                app-portage/emlop
#   GENLOP    genlop               app-portage/genlop
#   EMAINT    emaint               sys-apps/portage; run with PKGDIR set
#
#   LOG_LINES 1000000              of the emerge.log
#   INSTALLED BINPKGS  2000 5000   of the host
#   RUNS      7                    of each command, alternating: A B A B ...
#   DATA      build/bench          where the data is kept from run to run
#
# Everything is read once before it is measured: the page cache is warm. Compare
# ratios, not seconds, with those of another machine.
set -euo pipefail
cd "$(dirname "$0")/.."

QLOP=${QLOP:-qlop}
EMLOP=${EMLOP:-emlop}
GENLOP=${GENLOP:-genlop}
EMAINT=${EMAINT:-emaint}
LOG_LINES=${LOG_LINES:-1000000}
INSTALLED=${INSTALLED:-2000}
BINPKGS=${BINPKGS:-5000}
RUNS=${RUNS:-7}

. bench/measure.sh

# pair WHAT RUNS PREPARE OURS PEER THEIRS adds a row. PREPARE runs before each
# command and is not measured.
pair() {
	local what=$1 runs=$2 prepare=$3 ours=$4 peer=$5 theirs=$6
	if ! command -v "${peer%% *}" >/dev/null; then
		echo "bench: $what: ${peer%% *} is not installed" >&2
		return
	fi
	local a=() b=() ac=() bc=() i wall cpu
	eval "$prepare"
	elapsed "$ours" >/dev/null || return 0
	eval "$prepare"
	elapsed "$theirs" >/dev/null || return 0
	for ((i = 0; i < runs; i++)); do
		eval "$prepare"
		read -r wall cpu < <(elapsed "$ours")
		a+=("$wall") ac+=("$cpu")
		eval "$prepare"
		read -r wall cpu < <(elapsed "$theirs")
		b+=("$wall") bc+=("$cpu")
	done
	local am bm ap bp
	am=$(printf '%s\n' "${a[@]}" | median)
	bm=$(printf '%s\n' "${b[@]}" | median)
	eval "$prepare"
	ap=$(peak "$ours")
	eval "$prepare"
	bp=$(peak "$theirs")
	printf '| %s | %s ms | %s MiB | %s ms | %s MiB | %s | %s |\n' "$what" "$am" "$ap" "$bm" "$bp" "$(ratio "$am" "$bm")" \
		"$(ratio "$(printf '%s\n' "${ac[@]}" | median)" "$(printf '%s\n' "${bc[@]}" | median)")"
}

# ratio A B prints A / B.
ratio() {
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", (b > 0) ? a / b : 0 }'
}

heading() {
	printf '\n| %s | emaudit | peak | peer | peak | emaudit / peer | processor time |\n|---|---:|---:|---:|---:|---:|---:|\n' "$1"
}

bench_log() {
	local root log db=$DATA/log.db cold warm
	root=$(log_root "$LOG_LINES")
	log=$root/var/log/emerge.log
	cat "$log" >/dev/null
	heading "emerge.log of $LOG_LINES lines"
	# Cold: into no database. Warm: what it costs when nothing is new.
	cold="'$EMAUDIT' --quiet --root '$root' --db '$db'"
	warm="'$EMAUDIT' --quiet --root '$root' --db '$db.warm'"
	rm -f "$db.warm"*
	eval "$warm ingest" >/dev/null 2>&1 || true
	pair "first ingest, beside qlop -m" "$RUNS" "rm -f '$db'*" "$cold ingest" "$QLOP" "$QLOP -m -f '$log'"
	pair "first ingest, beside genlop -l" 3 "rm -f '$db'*" "$cold ingest" "$GENLOP" "$GENLOP -f '$log' -l"
	pair "log, beside qlop -muUst" "$RUNS" : "$warm log" "$QLOP" "$QLOP -muUst -f '$log'"
	# Each peer is asked the same question. Both filter while they read the log.
	local history="$EMLOP -F '$log' log -smus" package from=2020-03-01 to=2020-04-01
	pair "log, beside emlop log" "$RUNS" : "$warm log" "$EMLOP" "$history"
	package=$(busiest "$warm")
	pair "log PACKAGE, beside emlop log -e PACKAGE" "$RUNS" : "$warm log -e $package" "$EMLOP" "$EMLOP -F '$log' log -smu -e $package"
	pair "log PACKAGE, beside qlop -mu PACKAGE" "$RUNS" : "$warm log -e $package" "$QLOP" "$QLOP -mut -f '$log' $package"
	pair "log --last 20, beside emlop log -n 20" "$RUNS" : "$warm log --last 20" "$EMLOP" "$history -n 20"
	pair "log of one month, beside emlop log -f -t" "$RUNS" : "$warm log --since $from --until $to" "$EMLOP" "$history -f $from -t $to"
	pair "log of one month, beside qlop -d -d" "$RUNS" : "$warm log --since $from --until $to" "$QLOP" "$QLOP -muUst -f '$log' -d $from -d $to"
	# emlop stats has no median, trend, failures, or first and last time.
	pair "stats, beside emlop stats" "$RUNS" : "$warm stats" "$EMLOP" "$EMLOP -F '$log' stats -spst"
	pair "stats, beside qlop -c" "$RUNS" : "$warm stats" "$QLOP" "$QLOP -c -f '$log'"
	pair "predict --accuracy, beside emlop accuracy" "$RUNS" : "$warm predict --accuracy" "$EMLOP" "$EMLOP -F '$log' accuracy -spt"
	# What comes with an update: a thousand lines more, and a question.
	local grown=$DATA/grown-$LOG_LINES
	rm -rf "$grown" "$db.grown"*
	mkdir -p "$grown/var/log"
	cp "$log" "$grown/var/log/emerge.log"
	tail -n 1000 "$log" >"$DATA/thousand"
	local grew="'$EMAUDIT' --quiet --root '$grown' --db '$db.grown'"
	eval "$grew ingest" >/dev/null 2>&1 || true
	pair "1,000 lines more and log --last 20, beside emlop log --last 20" "$RUNS" "cat '$DATA/thousand' >>'$grown/var/log/emerge.log'" \
		"$grew log --last 20" "$EMLOP" "$EMLOP -F '$grown/var/log/emerge.log' log -smus --last 20"
}

bench_host() {
	local root db=$DATA/host.db
	root=$(host_root "$INSTALLED" "$BINPKGS")
	# emaint gets a copy: it writes the index.
	export PKGDIR=$PWD/$DATA/pkgdir
	rm -rf "$PKGDIR"
	cp -a "$root/var/cache/binpkgs" "$PKGDIR"
	heading "host with $INSTALLED installed and $BINPKGS binary packages"
	# emaint hashes every file (MD5, SHA1 and the size of its index), which the first
	# scan does not: emaudit leaves that to verify.
	pair "first scan, beside emaint --fix binhost from scratch" 1 "rm -f '$db'* '$PKGDIR'/Packages*" \
		"'$EMAUDIT' --quiet --root '$root' --db '$db' ingest" "$EMAINT" "$EMAINT --fix binhost"
	pair "audit with nothing new, beside emaint --check binhost" "$RUNS" : \
		"'$EMAUDIT' --quiet --root '$root' --db '$db' audit" "$EMAINT" "$EMAINT --check binhost"
}

printf 'emaudit beside its peers, %s: %s, %s processors, medians of %s runs\n' "$(date +%F)" \
	"$(awk -F': ' '/model name/ { print $2; exit }' /proc/cpuinfo)" "$(nproc)" "$RUNS"
if [ $# -eq 0 ]; then
	set -- log host
fi
for part; do
	case $part in
	log | host) "bench_$part" ;;
	*) echo "bench: unknown part $part (log or host)" >&2 && exit 2 ;;
	esac
done
