package pager

import (
	"slices"
	"testing"
)

func TestACommandIsSplitAsAShellWould(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		command string
		want    []string
		bad     bool
	}{
		{"", nil, false},
		{" \t", nil, false},
		{"less -R", []string{"less", "-R"}, false},
		{`sh -c 'cat; echo "x y"'`, []string{"sh", "-c", `cat; echo "x y"`}, false},
		{`"a b"'c d'e`, []string{"a bc de"}, false},
		{`a '' ""`, []string{"a", "", ""}, false},
		{`a\ b \\ \'`, []string{"a b", `\`, "'"}, false},
		{`"a\"b\n\\"`, []string{`a"b\n\`}, false},
		{`'a\'`, []string{`a\`}, false},
		{`cat;x $(y) | z`, []string{"cat;x", "$(y)", "|", "z"}, false},
		{`less "`, nil, true},
		{`less 'a`, nil, true},
		{`less \`, nil, true},
	} {
		got, err := split(c.command)
		if (err != nil) != c.bad || !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q (%v), want %q", c.command, got, err, c.want)
		}
	}
}

func TestWhoSitsThere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		env       map[string]string
		uid, euid int
		want      bool
	}{
		{"a user", nil, 1000, 1000, false},
		{"root", nil, 0, 0, false},
		{"root by sudo", map[string]string{"SUDO_UID": "1000"}, 0, 0, true},
		{"root by sudo of root", map[string]string{"SUDO_UID": "0"}, 0, 0, false},
		{"the user again, in a shell of sudo", map[string]string{"SUDO_UID": "1000"}, 1000, 1000, false},
		{"another user by sudo", map[string]string{"SUDO_UID": "1000"}, 1001, 1001, true},
		{"sudo with nonsense", map[string]string{"SUDO_UID": "x"}, 0, 0, true},
		{"pkexec", map[string]string{"PKEXEC_UID": "1000"}, 0, 0, true},
		{"doas", map[string]string{"DOAS_USER": "larry"}, 0, 0, true},
		{"doas of root", map[string]string{"DOAS_USER": "root"}, 0, 0, false},
		{"a set-user-ID file", nil, 1000, 0, true},
	} {
		if got := Foreign(func(name string) string { return c.env[name] }, c.uid, c.euid); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

// TestTheSecureEnvironmentIsItsOwn: of all that less obeys, only what says how
// the terminal speaks is taken over.
func TestTheSecureEnvironmentIsItsOwn(t *testing.T) {
	t.Parallel()
	got := secureEnvironment([]string{
		"LESS=-+S -o/etc/x", "LESSOPEN=|x %s", "LESSCLOSE=x", "LESSKEYIN=/home/x/k", "HOME=/home/x", "EDITOR=sh", "VISUAL=sh", "SHELL=x",
		"TERM=xterm", "TERMINFO=/home/x", "LD_PRELOAD=x", "LANG=C.UTF-8", "LESSSECURE=0",
	})
	want := []string{"LESSSECURE=1", "LESSHISTFILE=-", "LESS=FRX", "TERM=xterm", "LANG=C.UTF-8"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
