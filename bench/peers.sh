#!/usr/bin/env bash
# Runs emaudit beside the tools that administrators use today, on the same
# generated data and on the same machine at the same time, and prints a Markdown
# table: medians, and the ratio of the medians.
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
export LC_ALL=C TZ=UTC

EMAUDIT=${EMAUDIT:-build/emaudit}
QLOP=${QLOP:-qlop}
EMLOP=${EMLOP:-emlop}
GENLOP=${GENLOP:-genlop}
EMAINT=${EMAINT:-emaint}
LOG_LINES=${LOG_LINES:-1000000}
INSTALLED=${INSTALLED:-2000}
BINPKGS=${BINPKGS:-5000}
RUNS=${RUNS:-7}
DATA=${DATA:-build/bench}

# elapsed COMMAND prints the milliseconds that a shell command takes, or fails as
# it does.
elapsed() {
	local begin=${EPOCHREALTIME/./} status=0
	eval "$1" >/dev/null 2>&1 || status=$?
	local end=${EPOCHREALTIME/./}
	# Findings (3) and damaged input (4) are answers; emaint says 1 for findings.
	case $status in
	0 | 1 | 3 | 4) ;;
	*) echo "bench: exit status $status: $1" >&2 && return 1 ;;
	esac
	echo $(((end - begin) / 1000))
}

# peak COMMAND prints the most memory in MiB that one process of it took, or "-"
# without GNU time.
peak() {
	local file=$DATA/peak
	if command -v /usr/bin/time >/dev/null; then
		/usr/bin/time -o "$file" -f %M bash -c "$1" >/dev/null 2>&1 || true
		echo $(($(tail -n 1 "$file") / 1024))
	else
		echo -
	fi
}

# median prints the median of the numbers on standard input.
median() {
	sort -n | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# pair WHAT RUNS PREPARE OURS PEER THEIRS adds a row. PREPARE runs before each
# command and is not measured.
pair() {
	local what=$1 runs=$2 prepare=$3 ours=$4 peer=$5 theirs=$6
	if ! command -v "${peer%% *}" >/dev/null; then
		echo "bench: $what: ${peer%% *} is not installed" >&2
		return
	fi
	local a=() b=() i
	eval "$prepare"
	elapsed "$ours" >/dev/null || return 0
	eval "$prepare"
	elapsed "$theirs" >/dev/null || return 0
	for ((i = 0; i < runs; i++)); do
		eval "$prepare"
		a+=("$(elapsed "$ours")")
		eval "$prepare"
		b+=("$(elapsed "$theirs")")
	done
	local am bm ap bp
	am=$(printf '%s\n' "${a[@]}" | median)
	bm=$(printf '%s\n' "${b[@]}" | median)
	eval "$prepare"
	ap=$(peak "$ours")
	eval "$prepare"
	bp=$(peak "$theirs")
	printf '| %s | %s ms | %s MiB | %s ms | %s MiB | %s |\n' "$what" "$am" "$ap" "$bm" "$bp" \
		"$(awk -v a="$am" -v b="$bm" 'BEGIN { printf "%.3f", (b > 0) ? a / b : 0 }')"
}

heading() {
	printf '\n| %s | emaudit | peak | peer | peak | emaudit / peer |\n|---|---:|---:|---:|---:|---:|\n' "$1"
}

generate() {
	go run ./internal/hostgen/generate "$@"
}

bench_log() {
	local root=$DATA/log-$LOG_LINES log db=$DATA/log.db cold warm
	log=$root/var/log/emerge.log
	if [ ! -e "$log" ]; then
		mkdir -p "$root/var/log"
		generate log "$LOG_LINES" >"$log.part"
		mv "$log.part" "$log"
	fi
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
	# emlop reads the log anew each time: whatever is asked of it takes as long.
	local all="$EMLOP -F '$log' log -smus" package
	pair "log, beside emlop log" "$RUNS" : "$warm log" "$EMLOP" "$all"
	package=$(eval "$warm stats --sort=-merges --first 1 --format csv --fail-on never" 2>/dev/null | awk -F, 'NR == 2 { print $1 }')
	pair "log of one package, beside emlop log of all" "$RUNS" : "$warm log $package" "$EMLOP" "$all"
	pair "log --last 20, beside emlop log of all" "$RUNS" : "$warm log --last 20" "$EMLOP" "$all"
	pair "log of one month, beside emlop log of all" "$RUNS" : "$warm log --since 2020-03-01 --until 2020-04-01" "$EMLOP" "$all"
	pair "stats of all packages, beside emlop log of all" "$RUNS" : "$warm stats" "$EMLOP" "$all"
	pair "stats, beside emlop stats" "$RUNS" : "$warm stats" "$EMLOP" "$EMLOP -F '$log' stats -sa"
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
	local root=$DATA/host-$INSTALLED-$BINPKGS db=$DATA/host.db
	if [ ! -e "$root/etc/portage/make.profile" ]; then
		rm -rf "$root"
		generate host "$root" --installed "$INSTALLED" --binpkgs "$BINPKGS"
	fi
	# emaint gets a copy: it writes the index.
	export PKGDIR=$PWD/$DATA/pkgdir
	rm -rf "$PKGDIR"
	cp -a "$root/var/cache/binpkgs" "$PKGDIR"
	heading "host with $INSTALLED installed and $BINPKGS binary packages"
	pair "first scan, beside emaint --fix binhost from scratch" 1 "rm -f '$db'* '$PKGDIR'/Packages*" \
		"'$EMAUDIT' --quiet --root '$root' --db '$db' ingest" "$EMAINT" "$EMAINT --fix binhost"
	pair "audit with nothing new, beside emaint --check binhost" "$RUNS" : \
		"'$EMAUDIT' --quiet --root '$root' --db '$db' audit" "$EMAINT" "$EMAINT --check binhost"
}

mkdir -p "$DATA"
if [ ! -x "$EMAUDIT" ]; then
	make build >&2
fi
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
