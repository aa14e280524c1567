#!/bin/bash
# The cost of a fleet: pushes of a host of 2,000 packages, and the questions to 500
# hosts. It starts a PostgreSQL server of its own, whose programs (initdb, postgres,
# psql) have to be in PATH. usage: bench/fleet.sh
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/measure.sh
. bench/measure.sh
for program in initdb postgres psql; do
	command -v $program >/dev/null || { echo "bench: $program is not in PATH" >&2; exit 1; }
done
as=()
if [ "$(id -u)" = 0 ]; then # PostgreSQL refuses to be root
	as=(setpriv --reuid=nobody --clear-groups)
fi
server=$(mktemp -d)
[ "$(id -u)" != 0 ] || chown nobody "$server"
"${as[@]}" initdb --pgdata="$server/data" --auth=trust --username=postgres --encoding=UTF8 --locale=C >/dev/null
"${as[@]}" postgres -D "$server/data" -k "$server" -c listen_addresses= >"$server/log" 2>&1 &
trap 'kill -QUIT %1; wait; rm -rf "$server"' EXIT
ask() { psql -q -v ON_ERROR_STOP=1 -h "$server" -U postgres "$@"; }
for ((i = 0; i < 50; i++)); do
	if ask -c 'SELECT 1' >/dev/null 2>&1; then break; fi
	sleep 0.2
done
for database in one many; do
	ask -c "CREATE DATABASE $database"
	"$EMAUDIT" fleet-schema | ask "$database"
done
ask -c 'CREATE ROLE host LOGIN IN ROLE emaudit_host' -c 'CREATE ROLE reader LOGIN IN ROLE emaudit_reader'

[ -d "$DATA/fleet2000" ] || generate host "$DATA/fleet2000" --installed 2000 --binpkgs 5133
rm -rf "$DATA/fleet" "$DATA"/fleet.db*
cp -a "$DATA/fleet2000" "$DATA/fleet"
push="$EMAUDIT -q --root $DATA/fleet --host fleet --db $DATA/fleet.db push 'postgres://host@/one?host=$server'"
"$EMAUDIT" -q --root "$DATA/fleet" --host fleet --db "$DATA/fleet.db" ingest >/dev/null
echo "first push: $(cost "$push" 1)"
for ((i = 0; i < 5; i++)); do
	bench/update.sh "$DATA/fleet" 20
	echo "push of an update of 20 packages, with the ingest: $(cost "$push" 1)"
done
echo "push of what has not changed, with the ingest: $(cost "$push" 7)"

# 500 hosts: copies of one, inside of the server.
[ -d "$DATA/fleetsmall" ] || generate host "$DATA/fleetsmall" --installed 300 --binpkgs 450
small="$EMAUDIT -q --root $DATA/fleetsmall --host small --db $DATA/fleetsmall.db"
rm -f "$DATA"/fleetsmall.db*
$small push "postgres://host@/many?host=$server" >/dev/null
ask many <bench/fleet.sql >/dev/null
many="--db 'postgres://reader@/many?host=$server'"
name=$(cd "$DATA/fleetsmall/var/db/pkg" && printf '%s\n' */* | head -n 1 | sed 's/-[0-9].*//')
echo "hosts, 500 of them: $(cost "$EMAUDIT $many hosts" 5)"
echo "show PACKAGE --host all: $(cost "$EMAUDIT $many --host all show $name" 5)"
echo "prune: $(cost "$small prune" 3)"
echo "prune with the needs of 500 hosts: $(cost "$small prune --needs 'postgres://reader@/many?host=$server'" 3)"
