# emaudit needs Go 1.26 and a C compiler (for SQLite), nothing else.
#
#   make demo      build, then audit the recorded host in testdata/hosts
#   make test      every check and every test
#   make check-ecosystem   alerts, units, manual pages, scripts, page by their own tools
#   make dist      the files of a release, in build/dist
#   make picture   docs/report.png: the report of the recorded host, by Chromium
#   make install   to DESTDIR PREFIX: the program, manual pages and completions

PREFIX = /usr/local
SHARE = $(PREFIX)/share
DESTDIR =
GO = go
FUZZTIME = 1m

EMAUDIT = build/emaudit
DEMO = build/demo

.PHONY: build pages demo picture test check-ecosystem bench fuzz install dist clean toolchain

build: toolchain
	@mkdir -p build && echo '*' > build/.gitignore
	@echo 'building emaudit (the first time SQLite is compiled too: about a minute)'
	@CGO_ENABLED=1 $(GO) build -trimpath -buildvcs=auto -o $(EMAUDIT) ./cmd/emaudit
	@$(MAKE) --no-print-directory pages

# An older Go fetches the one that go.mod names, if it may: so it is asked from
# inside the module.
toolchain:
	@command -v $(GO) >/dev/null || { \
		echo 'make: no Go found: emaudit needs Go 1.26 or newer (https://go.dev/dl/, or emerge dev-lang/go)' >&2; exit 1; }
	@version=$$($(GO) env GOVERSION) && minor=$${version##*go1.} && minor=$${minor%%[!0-9]*} && \
	test "$${minor:-0}" -ge 26 || { \
		echo "make: emaudit needs Go 1.26 or newer, found: $$(GOTOOLCHAIN=local $(GO) version 2>&1)" >&2; exit 1; }
	@cc=$$($(GO) env CC) && command -v $${cc%% *} >/dev/null || { \
		echo "make: no C compiler found ($$($(GO) env CC)): SQLite needs one; install gcc or clang, or set CC" >&2; exit 1; }

# 3 and 4 are answers, not failures: findings, and damage in the recorded host.
demo: build
	@rm -rf $(DEMO)
	@$(GO) run ./internal/hostarchive/unpack testdata/hosts/alpha.tar.zst $(DEMO)/alpha
	@for args in '' ' audit coverage'; do \
		echo; echo "$$ emaudit --root $(DEMO)/alpha --db $(DEMO)/emaudit.db$$args"; \
		$(EMAUDIT) --root $(DEMO)/alpha --db $(DEMO)/emaudit.db $$args || \
			case $$? in 3|4) ;; *) exit 1;; esac; \
	done

# The report as it is on the host itself: without the options for another root.
CHROMIUM = chromium
picture: build
	@rm -rf $(DEMO)
	@$(GO) run ./internal/hostarchive/unpack testdata/hosts/alpha.tar.zst $(DEMO)/alpha
	@$(EMAUDIT) --root $(DEMO)/alpha --db $(DEMO)/emaudit.db --quiet ingest >/dev/null || [ $$? -eq 4 ]
	@$(EMAUDIT) --root $(DEMO)/alpha --db $(DEMO)/emaudit.db --no-ingest --quiet report --output $(DEMO)/report.html
	@sed -i -E -e 's/(<span>)?--(root|db)(<\/span>)? [^ ]*$(subst /,\/,$(DEMO))[^ ]* //g; s|chroot [^ ]*$(DEMO)/alpha ||g' \
		-e 's| <span>root <code>[^<]*</code></span>||; s|$(CURDIR)/$(DEMO)/alpha||g' $(DEMO)/report.html
	@$(CHROMIUM) --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1200,800 \
		--screenshot=docs/report.png file://$(CURDIR)/$(DEMO)/report.html 2>/dev/null
	@ls -l docs/report.png

test: toolchain
	@.ci/test

check-ecosystem: toolchain
	@.ci/ecosystem

bench: toolchain
	CGO_ENABLED=1 $(GO) test -run='^$$' -bench=. -benchmem ./...

fuzz: toolchain
	@FUZZTIME=$(FUZZTIME) .ci/fuzz

# Manual pages and completions are made by the program. RUNS is one that runs here, if
# EMAUDIT was built for another machine.
RUNS = $(EMAUDIT)
PAGES = build/share
pages:
	@rm -rf $(PAGES)
	@mkdir -p $(PAGES)/man $(PAGES)/bash-completion/completions $(PAGES)/zsh/site-functions $(PAGES)/fish/vendor_completions.d
	@$(RUNS) manual $(PAGES)/man/man1
	@$(RUNS) completion bash > $(PAGES)/bash-completion/completions/emaudit
	@$(RUNS) completion zsh > $(PAGES)/zsh/site-functions/_emaudit
	@$(RUNS) completion fish > $(PAGES)/fish/vendor_completions.d/emaudit.fish

# After make, as root: this builds nothing and runs nothing that was built.
install:
	@test -x $(EMAUDIT) || { echo 'make: nothing is built yet: type make, as yourself, and then make install, as root' >&2; exit 1; }
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/libexec/emaudit $(DESTDIR)$(SHARE)
	install -m 755 $(EMAUDIT) $(DESTDIR)$(PREFIX)/bin/emaudit
	install -m 755 contrib/openrc/emaudit-periodic $(DESTDIR)$(PREFIX)/libexec/emaudit/emaudit-periodic
	cd $(PAGES) && find . -type f -exec install -D -m 644 {} $(DESTDIR)$(SHARE)/{} ';'

# The files of a release, the same bytes from the same commit: RELEASING.md.
dist: toolchain
	@.ci/dist build/dist

clean:
	rm -rf build
