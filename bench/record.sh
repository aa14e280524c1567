#!/bin/sh
# record.sh EMAUDIT OUT ROOT...: writes what every question about history answers
# on each root, in every format, to files below OUT. Record with two versions of
# emaudit and compare:
#
#	bench/record.sh build/old before ROOT && bench/record.sh build/new after ROOT && diff -r before after
set -eu
emaudit=$(realpath "$1") out=$2
shift 2
mkdir -p "$out"
for root; do
	name=$(basename "$root")
	db=$(mktemp -d)
	ask() {
		file=$out/$name.$(printf %s "$*" | tr -c 'a-zA-Z0-9=,.-' _)
		code=0
		"$emaudit" --root "$root" --host recorded --db "$db/emaudit.db" --utc --no-pager --color never "$@" >"$file" 2>"$file.err" || code=$?
		printf '%s\n' "$code" >>"$file.err"
	}
	ask ingest
	cp=$("$emaudit" --root "$root" --host recorded --db "$db/emaudit.db" --no-pager stats --by package --sort -merges --first 1 --format csv 2>/dev/null | sed -n '2s/,.*//p')
	for format in table json csv; do
		for question in runs 'runs --last 5' 'runs --first 3' 'runs --since 2026-02-01 --until 2026-05-01' "runs $cp" \
			log 'log --last 20' 'log --first 20' 'log --since 2026-02-01 --until 2026-05-01' 'log --outcome failed' 'log --last 3 gcc' "log $cp" 'log >=dev-lang/go-1' 'log dev-*/*' \
			stats 'stats --by category' 'stats --by total' 'stats --per month' 'stats --per day' 'stats --per week --by category' 'stats --per year --by total' \
			'stats --sort -total' 'stats --per day --sort median' 'stats --sort trend --last 5' 'stats --since 2026-02-01 --until 2026-05-01' "stats $cp" 'stats >=dev-lang/go-1' \
			'predict --accuracy' current "show $cp" failures 'failures --all' states 'audit update' 'messages --all'; do
			# shellcheck disable=SC2086
			(set -f && ask $question --format "$format")
		done
	done
	rm -r "$db"
done
