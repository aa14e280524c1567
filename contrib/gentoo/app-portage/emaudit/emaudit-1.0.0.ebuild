# Copyright 2026 Gentoo Authors
# Distributed under the terms of the GNU General Public License v2

EAPI=8

inherit go-module systemd toolchain-funcs

DESCRIPTION="Audit binary packages and emerge logs: coverage, rollback readiness, cleanup"
HOMEPAGE="https://github.com/emaudit/emaudit"
# The second file holds the Go modules. "make dist" of upstream makes both.
SRC_URI="
	https://github.com/emaudit/emaudit/releases/download/v${PV}/${P}.tar.gz
	https://github.com/emaudit/emaudit/releases/download/v${PV}/${P}-vendor.tar.xz
"

LICENSE="MIT Apache-2.0 BSD public-domain"
SLOT="0"
KEYWORDS="~amd64 ~arm64"
IUSE="test"
RESTRICT="!test? ( test )"

# SQLite comes with the Go module and is compiled by cgo.
BDEPEND=">=dev-lang/go-1.26.0:="

src_compile() {
	export CGO_ENABLED=1
	local build=( ego build -trimpath )
	"${build[@]}" -o build/emaudit ./cmd/emaudit

	# Manual pages and completions are made by the program. That of another
	# machine does not run here.
	local runs=build/emaudit
	if tc-is-cross-compiler; then
		runs=build/emaudit-build
		(
			export CC=$(tc-getBUILD_CC) GOARCH=$(go-env_goarch "${CBUILD}")
			export CGO_CFLAGS=${BUILD_CFLAGS} CGO_CPPFLAGS= CGO_LDFLAGS=${BUILD_LDFLAGS}
			"${build[@]}" -o "${runs}" ./cmd/emaudit
		) || die
	fi
	emake pages RUNS="${runs}"
}

src_test() {
	ego test -short ./...
}

src_install() {
	emake install DESTDIR="${D}" PREFIX="${EPREFIX}/usr"
	einstalldocs
	# The findings are a Go package, too: "emaudit explain" has them in it.
	rm docs/*.go || die
	dodoc -r docs contrib
	# These are copied to where they work.
	docompress -x /usr/share/doc/${PF}/contrib
	systemd_dounit contrib/systemd/*.{service,timer}
	keepdir /var/lib/emaudit
}
