#!/bin/bash
# An update on a generated host: it builds and merges N of its installed packages
# again, and keeps the older binary packages. usage: bench/update.sh ROOT N
set -euo pipefail
export LC_ALL=C TZ=UTC
cd "$1"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Years after the last line of the log, whatever the clock says.
now=$(($(tail -n 1 var/log/emerge.log | cut -d : -f 1) + 86400))
counter=$(cat var/db/pkg/*/*/COUNTER | sort -n | tail -n 1)
logged() { echo "$now: $*" >>var/log/emerge.log; }

# Of those with one build, every so many-th, so that they lie apart.
mapfile -t all < <(awk -F ': ' '/^CPV/ { cpv = $2 } /^PATH: .*-1.gpkg.tar$/ { print cpv, $2 }' var/cache/binpkgs/Packages |
	while read -r cpv file; do
		[ ! -d "var/db/pkg/$cpv" ] || [ -e "var/cache/binpkgs/${file%-1.gpkg.tar}-2.gpkg.tar" ] || echo "$cpv $file"
	done)
logged "Started emerge on: $(date -d "@$now" '+%b %d, %Y %H:%M:%S')"
logged " *** emerge --oneshot --buildpkg"
for ((i = 1; i <= $2; i++)); do
	read -r cpv file <<<"${all[$((${#all[@]} * (i - 1) / $2))]}"
	name=${cpv#*/} ebuild=/var/db/repos/lab/${file%/*}/${cpv#*/}.ebuild
	now=$((now + 5)) counter=$((counter + 1))
	logged " >>> emerge ($i of $2) $cpv to /"
	logged " === ($i of $2) Compiling/Packaging ($cpv::$ebuild)"

	# The binary package, with the next build id.
	new=${file%-1.gpkg.tar}-2.gpkg.tar
	mkdir "$scratch/gpkg" && tar -C "$scratch/gpkg" -xf "var/cache/binpkgs/$file"
	(
		cd "$scratch/gpkg"
		mv ./* "$name-2" && cd "$name-2"
		zstd -q -d --rm metadata.tar.zst && tar -xf metadata.tar
		echo "$now" >metadata/BUILD_TIME && echo 2 >metadata/BUILD_ID
		tar --format=ustar --owner=0 --group=0 -cf metadata.tar metadata/* && rm -r metadata && zstd -q --rm metadata.tar
		for member in gpkg-1 metadata.tar.zst image.tar.zst; do
			echo "DATA $member $(stat -c %s $member) BLAKE2B $(b2sum <$member | cut -c -128) SHA512 $(sha512sum <$member | cut -c -128)"
		done >Manifest
		cd .. && tar --format=ustar --owner=0 --group=0 -cf ../new.tar "$name-2"/{gpkg-1,metadata.tar.zst,image.tar.zst,Manifest}
	)
	mv "$scratch/new.tar" "var/cache/binpkgs/$new" && rm -r "$scratch/gpkg"
	touch -d "@$now" "var/cache/binpkgs/$new"
	md5=$(md5sum <"var/cache/binpkgs/$new" | cut -c -32)
	echo "$file $new $now $md5 $(sha1sum <"var/cache/binpkgs/$new" | cut -c -40) $(stat -c %s "var/cache/binpkgs/$new")" >>"$scratch/stanzas"

	# What is installed: Portage moves a new folder into place.
	into=var/db/pkg/$cpv
	cp -a "$into" "$scratch/vdb"
	echo "$now" >"$scratch/vdb/BUILD_TIME" && echo 2 >"$scratch/vdb/BUILD_ID" && echo "$counter" >"$scratch/vdb/COUNTER" && echo "$md5" >"$scratch/vdb/BINPKGMD5"
	rm -rf "$scratch/vdb/metadata" "$into" && mv "$scratch/vdb" "$into"
	touch -d "@$now" "$into" "$into"/*
	logged " === ($i of $2) Merging ($cpv::$ebuild)"
	logged " >>> AUTOCLEAN: ${file%/*}:0"
	logged " === Unmerging... ($cpv)"
	logged " >>> unmerge success: $cpv"
	logged " ::: completed emerge ($i of $2) $cpv to /"
done
logged " *** Finished. Cleaning up..."
logged " *** exiting successfully."
logged " *** terminating."

# The entry of the new build follows that of the old one.
awk -v now="$now" '
	BEGIN { RS = ""; ORS = "\n\n" }
	FNR == NR { n = split($0, line, "\n"); for (i = 1; i <= n; i++) { split(line[i], f, " "); of[f[1]] = line[i] } next }
	FNR == 1 { match($0, /PACKAGES: [0-9]+/); sub(/PACKAGES: [0-9]+/, "PACKAGES: " substr($0, RSTART + 10, RLENGTH - 10) + n) }
	{ print }
	match($0, /\nPATH: [^\n]*/) && (substr($0, RSTART + 7, RLENGTH - 7) in of) {
		split(of[substr($0, RSTART + 7, RLENGTH - 7)], f, " ")
		sub(/BUILD_ID: [0-9]+/, "BUILD_ID: 2"); sub(/BUILD_TIME: [0-9]+/, "BUILD_TIME: " f[3]); sub(/MTIME: [0-9]+/, "MTIME: " f[3])
		sub(/PATH: [^\n]*/, "PATH: " f[2]); sub(/MD5: [0-9a-f]+/, "MD5: " f[4]); sub(/SHA1: [0-9a-f]+/, "SHA1: " f[5]); sub(/SIZE: [0-9]+/, "SIZE: " f[6])
		print
	}' "$scratch/stanzas" var/cache/binpkgs/Packages >"$scratch/Packages"
mv "$scratch/Packages" var/cache/binpkgs/Packages
gzip -nc var/cache/binpkgs/Packages >"$scratch/Packages.gz" && mv "$scratch/Packages.gz" var/cache/binpkgs/Packages.gz
touch -d "@$now" var/cache/binpkgs/Packages var/cache/binpkgs/Packages.gz
