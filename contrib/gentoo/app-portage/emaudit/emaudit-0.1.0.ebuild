# Copyright 2026 Gentoo Authors
# Distributed under the terms of the GNU General Public License v2

EAPI=8

inherit go-module systemd

DESCRIPTION="Audit binary packages and emerge logs: coverage, rollback readiness, cleanup"
HOMEPAGE="https://github.com/emaudit/emaudit"
# The second file holds the Go modules: "go mod vendor", packed by the release.
SRC_URI="
	https://github.com/emaudit/emaudit/archive/refs/tags/v${PV}.tar.gz -> ${P}.tar.gz
	https://github.com/emaudit/emaudit/releases/download/v${PV}/${P}-vendor.tar.xz
"

LICENSE="MIT Apache-2.0 BSD"
SLOT="0"
KEYWORDS="~amd64 ~arm64"
IUSE="test"
RESTRICT="!test? ( test )"

# SQLite comes with the Go module and is compiled by cgo.
BDEPEND=">=dev-lang/go-1.26.0:="

src_compile() {
	export CGO_ENABLED=1
	ego build -trimpath -ldflags "-X main.release=${PV}" -o build/emaudit ./cmd/emaudit
}

src_test() {
	ego test -short ./...
}

src_install() {
	emake install DESTDIR="${D}" PREFIX="${EPREFIX}/usr"
	einstalldocs
	dodoc -r docs contrib
	systemd_dounit contrib/systemd/*.{service,timer}
	exeinto /usr/share/emaudit
	doexe contrib/openrc/emaudit-periodic
	keepdir /var/lib/emaudit
}
