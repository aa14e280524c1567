package settings_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/settings"
)

func TestRepositories(t *testing.T) {
	t.Parallel()
	root := newRoot(t, files{
		"usr/share/portage/config/repos.conf":   "[DEFAULT]\nmain-repo = gentoo\n\n[gentoo]\nlocation = /var/db/repos/gentoo\nsync-type = rsync\n",
		"etc/portage/repos.conf/10-gentoo.conf": "[gentoo]\nLocation: /srv/gentoo\n",
		"etc/portage/repos.conf/20-own.conf": "# mine\n[DEFAULT]\nbase = /srv\n[own]\nlocation = %(base)s/own\npriority = 50\n" +
			"[spread]\nlocation =\n  /srv/spread\n[gone]\nlocation = /srv/gone\n[nowhere]\npriority = 1\nnonsense\n",
		"etc/portage/repos.conf/20-own.conf~": "[backup]\nlocation = /srv/own\n",
		"etc/portage/repos.conf/.hidden":      "[hidden]\nlocation = /srv/own\n",
		"etc/portage/repos.conf/sub/x":        "[sub]\nlocation = /srv/own/../sub/\n",
		"srv/gentoo/":                         "",
		"srv/own/":                            "",
		"srv/sub/":                            "",
		"srv/spread/":                         "",
	})
	s := resolve(t, root, settings.Options{})
	// The location of [spread] begins with a newline, and Portage finds no such
	// folder either.
	if diff := cmp.Diff([]settings.Repository{
		{Name: "gentoo", Location: "/srv/gentoo", Main: true, Priority: -1000, SyncType: "rsync", Source: "/etc/portage/repos.conf/10-gentoo.conf:2"},
		{Name: "sub", Location: "/srv/sub", Source: "/etc/portage/repos.conf/sub/x:2"},
		{Name: "own", Location: "/srv/own", Priority: 50, Source: "/etc/portage/repos.conf/20-own.conf:5"},
	}, s.Repositories()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"bad-line", "repository-missing"}, codes(s)); diff != "" {
		t.Errorf("diagnostics (-want +got):\n%s", diff)
	}
}

func TestRepositoriesOfTheEnvironment(t *testing.T) {
	t.Parallel()
	root := newRoot(t, files{"srv/x/": ""})
	system := openRoot(t, "/")
	location := root.Name() + "/srv/x"
	s := resolve(t, system, settings.Options{
		ConfigRoot: root.Name(), Environ: []string{"PORTAGE_REPOSITORIES=[x]\nlocation = " + location + "\n"},
	})
	if diff := cmp.Diff([]settings.Repository{{Name: "x", Location: location, Source: "environment:2"}}, s.Repositories()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
