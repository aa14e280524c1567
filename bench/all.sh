#!/usr/bin/env bash
# Prints every table of docs/performance.md: emaudit beside its peers, and what grows
# with the log and with PKGDIR. It takes about an hour, most of it for emaint, and
# needs 3 GB below build/bench. Run it on a machine that does nothing else.
#
# usage: bench/all.sh [peers|growth]...          (both)
#
#   LOG_SIZES   100000 1000000 10000000   lines of emerge.log
#   HOST_SIZES  2400 5000 20000           binary packages, beside 2,000 installed
#   RUNS        7                         of each command
#
# and the variables of bench/peers.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/measure.sh

read -ra log_sizes <<<"${LOG_SIZES:-100000 1000000 10000000}"
read -ra host_sizes <<<"${HOST_SIZES:-2400 5000 20000}"
export RUNS=${RUNS:-7}

peers() {
	local size
	for size in "${log_sizes[@]}"; do
		LOG_LINES=$size bench/peers.sh log
	done
	for size in "${host_sizes[@]}"; do
		BINPKGS=$size bench/peers.sh host
	done
}

# table WHAT SIZE... prints the head of a table with a column for each size.
table() {
	printf '\n| %s ' "$1"
	shift
	printf '| %s ' "$@"
	printf '|\n|---'
	printf '|---:%.0s' "$@"
	printf '|\n'
}

# grow QUESTIONS ROOT... prints a row for each question, which is a line, with a
# column for each root. PACKAGE is the package of the first root that was merged most
# often.
grow() {
	local questions=$1 root question row package
	shift
	row=
	for root; do
		row+=" | $(cost "rm -f '$root.db'*; '$EMAUDIT' --quiet --root '$root' --db '$root.db' ingest" 3)"
	done
	printf '| first ingest%s |\n' "$row"
	package=$(busiest "'$EMAUDIT' --quiet --root '$1' --db '$1.db'")
	while read -r question; do
		row=
		for root; do
			row+=" | $(cost "'$EMAUDIT' --quiet --root '$root' --db '$root.db' ${question//PACKAGE/$package}" "$RUNS")"
		done
		printf '| %s%s |\n' "$question" "$row"
	done <<<"$questions"
}

growth() {
	local size roots=()
	printf '\nWall time / processor time, peak memory. Warm, incremental ingest included.\n'
	table "lines of emerge.log" "${log_sizes[@]}"
	for size in "${log_sizes[@]}"; do
		roots+=("$(log_root "$size")")
	done
	grow 'log
log PACKAGE
log --last 20
log --since 2020-03-01 --until 2020-04-01
runs
stats
stats --per month
predict --accuracy
failures
states' "${roots[@]}"
	table "binary packages, beside 2,000 installed" "${host_sizes[@]}"
	roots=()
	for size in "${host_sizes[@]}"; do
		roots+=("$(host_root 2000 "$size")")
	done
	grow 'summary
audit coverage
audit
rollback
rollback PACKAGE
show PACKAGE
prune
metrics
states
report' "${roots[@]}"
}

for part in "${@:-peers growth}"; do
	for name in $part; do
		case $name in
		peers | growth) "$name" ;;
		*) echo "bench: unknown part $name (peers or growth)" >&2 && exit 2 ;;
		esac
	done
done
