package main

// usageExample is a command line with what it is good for.
type usageExample struct{ line, purpose string }

// usageExamples are the examples of the manual pages, by command. A test parses
// each of them, and wants some for every command.
var usageExamples = map[string][]usageExample{
	"emaudit": {
		{"emaudit", "What the last update left, on one screen."},
		{"emaudit --root /mnt/gentoo --host broken rollback", "The same questions of a mounted disk."},
	},
	"summary": {{"emaudit summary --format json", "The one screen for another program."}},
	"ingest": {
		{"emaudit ingest", "Read what is new."},
		{"emaudit ingest --log /root/emerge.log-2019.xz", "Read also a log that was put away elsewhere."},
	},
	"runs": {
		{"emaudit runs --last 10", "The last ten runs of emerge."},
		{"emaudit runs last", "Everything that the last one did."},
	},
	"log": {
		{"emaudit log gcc --since 1y", "When gcc was merged in the last year, and how long it took."},
		{"emaudit log --format csv > history.csv", "The whole history for a spreadsheet."},
	},
	"failures":   {{"emaudit failures --since 2w", "What failed in the last two weeks, and the first real cause."}},
	"messages":   {{"emaudit messages", "Unread messages of packages."}, {"emaudit messages --all --class error", "Every error that a package told of."}},
	"show":       {{"emaudit show dev-lang/python", "Everything known of a package."}},
	"stats":      {{"emaudit stats --sort total --last 20", "Where the time went."}},
	"predict":    {{"emerge -pu @world | emaudit predict", "How long the next update takes."}, {"emaudit predict --accuracy", "How good such predictions were so far."}},
	"current":    {{"emaudit current", "What is being merged now, and until when."}, {"emaudit current --follow", "The same, drawn anew until it is done."}},
	"audit":      {{"emaudit audit", "Every check; 3 is returned where something is to be done."}, {"emaudit audit coverage --fail-on error --format csv", "One check as data."}},
	"verify":     {{"emaudit verify --sample 200", "Read the 200 binary packages that were not read for longest, as every night."}},
	"states":     {{"emaudit states", "Which earlier states are known."}},
	"diff":       {{"emaudit diff previous now", "What the last update changed."}, {"emaudit diff 2026-05-10 run:83", "What changed between a day and a run."}},
	"rollback":   {{"emaudit rollback", "Can the last update be undone?"}, {"emaudit rollback --to run:83 --format sh > back.sh", "The plan as a script to be read first."}},
	"pin":        {{"emaudit pin before-plasma6", "Keep what the state of now needs, under a name."}, {"emaudit pin", "Which states have names."}},
	"prune":      {{"emaudit prune", "What can go, and why; nothing is changed."}, {"emaudit prune --apply", "Take it away, after a question."}, {"emaudit prune --undo", "Bring it back."}},
	"doctor":     {{"emaudit doctor", "Settings that a rollback needs, with the file that decided each."}},
	"report":     {{"emaudit report --output host.html", "Everything on one page."}, {"emaudit report --format markdown", "The same for a bug report."}},
	"metrics":    {{"emaudit metrics --output /var/lib/node_exporter/emaudit.prom", "Metrics for the textfile collector."}},
	"sql":        {{"emaudit sql", "What can be asked."}, {"emaudit sql \"SELECT package, sum(duration) FROM merges GROUP BY package ORDER BY 2 DESC LIMIT 10\"", "Where the time went."}},
	"hosts":      {{"emaudit hosts", "The roots and machines of the database."}},
	"merge":      {{"emaudit merge /tmp/build.db", "Bring in what another machine knows."}},
	"completion": {{"emaudit completion bash > /usr/share/bash-completion/completions/emaudit", "Completion for everybody who uses bash."}},
}
