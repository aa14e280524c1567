#!/bin/sh
# record.sh EMAUDIT OUT ROOT...: writes what every question answers on each root, in
# every format, to files below OUT. Record with two versions of emaudit and compare:
#
#	bench/record.sh build/old before ROOT && bench/record.sh build/new after ROOT && diff -r before after
#
# Moments of the recording, free room of the disk and the name of the database differ anyway.
set -eu
emaudit=$(realpath "$1") out=$2
shift 2
mkdir -p "$out"
# Each line is a question; one that begins with * has formats of its own.
questions='runs
runs --last 5
runs --first 3
runs --since 2026-02-01 --until 2026-05-01
runs CP
runs LAST
log
log --last 20
log --first 20
log --since 2026-02-01 --until 2026-05-01
log --outcome failed
log --last 3 gcc
log CP
log >=dev-lang/go-1
log dev-*/*
stats
stats --by category
stats --by total
stats --per month
stats --per day
stats --per week --by category
stats --per year --by total
stats --sort=-total
stats --per day --sort median
stats --sort trend --last 5
stats --since 2026-02-01 --until 2026-05-01
stats CP
stats >=dev-lang/go-1
predict
predict --accuracy
current
show CP
failures
messages --all
summary
audit
audit coverage
audit integrity
audit compatibility
audit rollback
audit update
states
states --runs
diff previous now
diff --stat previous now
diff run:5 now
rollback
rollback --all
rollback --to run:5
rollback CP
pin recorded --at previous
pin
prune
prune --explain CP
doctor
ingest
hosts
sql
sql SELECT * FROM runs
verify
*report html
*report markdown
*report json
*rollback sh
*metrics table'
for root; do
	name=$(basename "$root")
	db=$(mktemp -d)
	ask() {
		file=$out/$name.$(printf %s "$COLUMNS$*" | tr -c 'a-zA-Z0-9=,.-' _)
		code=0
		"$emaudit" --root "$root" --host recorded --db "$db/emaudit.db" --utc --no-pager --color never "$@" </dev/null >"$file" 2>"$file.err" || code=$?
		printf '%s\n' "$code" >>"$file.err"
	}
	COLUMNS=''
	export COLUMNS
	ask ingest
	cp=$("$emaudit" --root "$root" --host recorded --db "$db/emaudit.db" --no-pager stats --by package --sort=-merges --first 1 --format csv 2>/dev/null | sed -n '2s/,.*//p')
	last=$("$emaudit" --root "$root" --host recorded --db "$db/emaudit.db" --no-pager runs --last 1 --format csv 2>/dev/null | sed -n '2s/,.*//p')
	printf '%s\n' "$questions" | sed "s|CP\$|$cp|; s|LAST\$|$last|" >"$db/questions"
	set -f
	while read -r question; do
		# shellcheck disable=SC2086 # a question is words
		case $question in
		\**)
			set -- ${question#\*}
			ask "$1" --format "$2"
			continue
			;;
		sql\ *) set -- sql "${question#sql }" ;;
		*) set -- $question ;;
		esac
		for COLUMNS in '' 80 150; do
			ask "$@"
			ask "$@" --verbose
		done
		COLUMNS=''
		ask "$@" --format json
		ask "$@" --format csv
	done <"$db/questions"
	set +f
	rm -r "$db"
done
