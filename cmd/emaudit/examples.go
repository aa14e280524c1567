package main

import "emaudit/cli/manual"

// usageExamples are the examples of the manual pages, by command. A test parses
// each of them, and wants some for every command.
var usageExamples = map[string][]manual.Example{
	"emaudit": {
		{"emaudit", "Show the state of this host on one screen."},
		{"emaudit --root /mnt/gentoo --host broken rollback", "Can a host on a mounted disk go back?"},
	},
	"summary": {{"emaudit summary --format json", "The same answers for another program."}},
	"ingest": {
		{"emaudit ingest", "Read what is new."},
		{"emaudit ingest --log /root/emerge.log-2019.xz", "Also read an old log from another folder."},
	},
	"runs": {
		{"emaudit runs --last 10", "The last ten runs of emerge."},
		{"emaudit runs last", "The last run in full."},
	},
	"log": {
		{"emaudit log gcc --since 1y", "When gcc was merged in the last year, and how long it took."},
		{"emaudit log --format csv > history.csv", "The whole history for a spreadsheet."},
	},
	"failures":   {{"emaudit failures --since 2w", "What failed in the last two weeks, and why."}},
	"messages":   {{"emaudit messages", "Unread messages of packages."}, {"emaudit messages --all --class error", "Every error message."}},
	"show":       {{"emaudit show dev-lang/python", "Everything that is known about a package."}},
	"stats":      {{"emaudit stats --sort total --last 20", "Where the time went."}},
	"predict":    {{"emerge -pu @world | emaudit predict", "How long the next update takes."}, {"emaudit predict --accuracy", "How good past predictions would have been."}},
	"current":    {{"emaudit current", "What emerge is merging, and when it will be done."}, {"emaudit current --follow", "The same, updated until it is done."}},
	"audit":      {{"emaudit audit", "Run every check; exit with 3 if there is something to do."}, {"emaudit audit coverage --fail-on error --format csv", "One check as data."}, {"emaudit audit coverage --remote", "Why is it compiled again? What the binhost has, and why emerge would not take it."}, {"emaudit audit compatibility --for all dev-lang/python", "Which hosts of the database could use the binary packages of python?"}},
	"verify":     {{"emaudit verify --sample 200", "Read the 200 files that were last read longest ago, as a nightly job."}},
	"states":     {{"emaudit states", "Which earlier states are known."}},
	"diff":       {{"emaudit diff previous now", "What the last update changed."}, {"emaudit diff 2026-05-10 run:83", "What changed from that day to before run 83."}},
	"rollback":   {{"emaudit rollback", "Can the last update be undone?"}, {"emaudit rollback --to run:83 --format sh > back.sh", "The plan as a script to read first."}},
	"drill":      {{"emaudit drill", "Carry the undo of the last update out, in a throw-away copy."}, {"emaudit drill --all -n 3 --scratch /mnt/spare", "The last three updates, written to another disk."}},
	"pin":        {{"emaudit pin before-plasma6", "Name the present state, and keep what it needs."}, {"emaudit pin", "List the pins."}},
	"stage":      {{"emaudit stage now /mnt/rescue/binpkgs", "The binary packages of what is installed, on a rescue disk."}, {"emaudit stage --link before-plasma6 /var/tmp/before", "Those of a pin, as hard links; then PKGDIR=/var/tmp/before emerge -K ..."}},
	"prune":      {{"emaudit prune", "What can go, and why. Nothing changes."}, {"emaudit prune --apply", "Ask, then move it to the quarantine."}, {"emaudit prune --undo", "Restore it."}},
	"needs":      {{"emaudit needs", "What this host must still be able to get."}, {"emaudit needs --format json --output /srv/needs", "The list for a binhost, which keeps those builds."}},
	"explain":    {{"emaudit explain binpkg-lossy", "What a finding means, and what to do."}, {"emaudit explain", "List the codes."}},
	"doctor":     {{"emaudit doctor", "Settings that a rollback depends on, and the file that sets each."}},
	"report":     {{"emaudit report --output host.html", "Everything on one page."}, {"emaudit report --format markdown", "The same for a bug report."}},
	"metrics":    {{"emaudit metrics --output /var/lib/node_exporter/emaudit.prom", "Metrics for the textfile collector."}},
	"sql":        {{"emaudit sql", "List the views and their columns."}, {"emaudit sql \"SELECT package, sum(seconds) FROM merges GROUP BY package ORDER BY 2 DESC LIMIT 10\"", "Where the time went."}},
	"hosts":      {{"emaudit hosts", "The hosts in the database."}, {"emaudit hosts --rename build builder", "Another name for a host; its history stays."}, {"emaudit hosts --forget laptop", "Remove a host and its history."}, {"emaudit hosts --merge-into router before", "Both are one machine, whose database was begun anew."}},
	"export":     {{"emaudit export /var/backups/emaudit.db", "A backup; the database may be in use."}, {"emaudit export - > router.db", "To standard output."}},
	"merge":      {{"emaudit merge /tmp/build.db", "Import what another machine knows."}, {"ssh router emaudit export - | emaudit merge -", "The same without a file."}, {"emaudit merge /srv/databases", "Import every *.db of a folder."}},
	"completion": {{"emaudit completion bash > /usr/share/bash-completion/completions/emaudit", "Completion in bash, for all users."}},

	"push":         {{"emaudit push 'postgres://fleet.example.org/emaudit?user=alpha'", "Send what changed to the fleet."}},
	"fleet-schema": {{"emaudit fleet-schema > fleet.sql", "The tables of a fleet, for psql -v ON_ERROR_STOP=1 -f fleet.sql."}},
}
