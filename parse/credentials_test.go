package parse_test

import (
	"testing"

	"emaudit/parse"
)

func TestURLsLoseTheirCredentials(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://user:secret@host/x":                             "https://host/x",
		"https://user@host":                                      "https://host",
		"ssh://git@host:22/x":                                    "ssh://host:22/x",
		"FTP://U:P@host/":                                        "FTP://host/",
		"git+https://tok:x-oauth@host/y.git":                     "git+https://host/y.git",
		"https://u:p@ss@host/x":                                  "https://host/x",
		"https://u:p%40@[2001:db8::1]:80/":                       "https://[2001:db8::1]:80/",
		"a https://u:p@h/x b http://v:q@i/y c":                   "a https://h/x b http://i/y c",
		"URL=\"https://u:p@h\" 'https://u:p@h'":                  "URL=\"https://h\" 'https://h'",
		"--2026-- https://u:p@h/x\nConnecting https://v:w@h/y\n": "--2026-- https://h/x\nConnecting https://h/y\n",
		"https://u:p/q@h/x https://u:p?q#r@h":                    "https://h/x https://h",
		"https://host/path@v1":                                   "https://host/path@v1",
		"https://host:80/path@v1":                                "https://host:80/path@v1",
		"https://[2001:db8::1]/x@y":                              "https://[2001:db8::1]/x@y",
		"https://host/?q=a@b":                                    "https://host/?q=a@b",
		"https://host\nmail a@b.c":                               "https://host\nmail a@b.c",
		"user@host:path":                                         "user@host:path",
		"c++://":                                                 "c++://",
		"":                                                       "",
	} {
		if got := parse.WithoutCredentials(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
		if got := parse.WithoutCredentials(want); got != want {
			t.Errorf("%q: not the same the second time: %q", want, got)
		}
	}
}
