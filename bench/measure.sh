# measure.sh is read by the other scripts of this folder: where the data lies, and
# how a command is measured.
# shellcheck shell=bash
export LC_ALL=C TZ=UTC

EMAUDIT=${EMAUDIT:-build/emaudit}
DATA=${DATA:-build/bench}
mkdir -p "$DATA"
if [ ! -x "$EMAUDIT" ]; then
	make build >&2
fi

# elapsed COMMAND prints the milliseconds that a shell command takes, and those of the
# processors, or fails as it does.
elapsed() {
	local status=0 spent TIMEFORMAT='%3R %3U %3S'
	spent=$({ time eval "$1" >/dev/null 2>&1; } 2>&1) || status=$?
	answered "$status" "$1" || return
	awk '{ printf "%.0f %.0f\n", $1 * 1000, ($2 + $3) * 1000 }' <<<"$spent"
}

# answered STATUS COMMAND fails unless the exit status is that of an answer: findings (3)
# and damaged input (4) are answers; emaint says 1 for findings.
answered() {
	case $1 in
	0 | 3 | 4) return ;;
	1) [[ $2 != *"$EMAUDIT"* ]] && return ;;
	esac
	echo "bench: exit status $1: $2" >&2
	return 1
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

# cost COMMAND RUNS prints the medians of wall and processor time in milliseconds,
# and the peak of memory in MiB, of a shell command. It needs GNU time.
cost() {
	local walls=() cpus=() most=0 i wall user sys kib status
	for ((i = 0; i < $2; i++)); do
		status=0
		/usr/bin/time -q -o "$DATA/cost" -f '%e %U %S %M' bash -c "$1" >/dev/null 2>&1 || status=$?
		answered "$status" "$1" || return
		read -r wall user sys kib <"$DATA/cost"
		walls+=("$wall") cpus+=("$(awk -v u="$user" -v s="$sys" 'BEGIN { print u + s }')")
		most=$((kib > most ? kib : most))
	done
	awk -v w="$(printf '%s\n' "${walls[@]}" | median)" -v c="$(printf '%s\n' "${cpus[@]}" | median)" -v m="$most" \
		'BEGIN { printf "%.0f / %.0f ms, %d MiB", w * 1000, c * 1000, m / 1024 }'
}

# generate ARGUMENTS makes data.
generate() {
	go run ./internal/hostgen/generate "$@"
}

# log_root LINES prints a root whose emerge.log has that many lines.
log_root() {
	local root=$DATA/log-$1
	if [ ! -e "$root/var/log/emerge.log" ]; then
		mkdir -p "$root/var/log"
		generate log "$1" >"$root/emerge.log.part"
		mv "$root/emerge.log.part" "$root/var/log/emerge.log"
	fi
	echo "$root"
}

# host_root INSTALLED BINPKGS prints a root with that many packages.
host_root() {
	local root=$DATA/host-$1-$2
	if [ ! -e "$root/etc/portage/make.profile" ]; then
		rm -rf "$root"
		generate host "$root" --installed "$1" --binpkgs "$2" >&2
	fi
	echo "$root"
}

# busiest EMAUDIT-COMMAND prints the package that was merged most often.
busiest() {
	eval "$1 stats --by package --sort=-merges --first 1 --format csv" 2>/dev/null | awk -F, 'NR == 2 { print $1 }'
}
