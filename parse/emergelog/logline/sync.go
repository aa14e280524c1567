package logline

import "bytes"

// oneBlankPrefixes are the prefixes of messages that do not begin with a blank.
var oneBlankPrefixes = []string{
	"Started emerge on: ", "=== Unmerging... (", "=== Sync completed for ", "=== Sync completed with ",
	">>> Syncing repository '", ">>> Starting rsync with ", ">>> starting rsync with ", ">>> Starting retry ",
	">>> Cancelling sync -- Already current.",
}

func (ev *Event) oneBlank(m []byte) Verdict {
	ev.OpenEnded = true
	switch {
	case hasPrefix(m, "Started emerge on: "):
		return ev.plain(Started)
	case hasPrefix(m, "=== Unmerging... ("):
		return ev.named(Unmerging, trimParen(m[len("=== Unmerging... ("):]))
	case hasPrefix(m, "=== Sync completed for "):
		return ev.syncName(SyncCompleted, m[len("=== Sync completed for "):])
	case hasPrefix(m, "=== Sync completed with "):
		return ev.syncText(SyncCompletedWith, m[len("=== Sync completed with "):])
	case hasPrefix(m, ">>> "):
		if v := ev.syncProgress(m[len(">>> "):]); v != Unknown {
			return v
		}
	case hasPrefix(m, "!!! "):
		if ev.syncError(m[len("!!! "):]) {
			return Known
		}
	case hasPrefix(m, "Created new directory "), hasPrefix(m, "Created New Directory "):
		return ev.syncText(SyncNotice, m)
	case hasPrefix(m, "--- ") && bytes.Contains(m, []byte(" has insufficient free space, emerge job parallelism reduced.")):
		ev.Text = m[len("--- "):]
		return ev.plain(LowSpace)
	}
	return cutOrUnknown(m, oneBlankPrefixes)
}

func (ev *Event) syncName(kind Kind, name []byte) Verdict {
	if len(name) == 0 {
		return Malformed
	}
	ev.Kind, ev.Name = kind, name
	return Known
}

func (ev *Event) syncText(kind Kind, text []byte) Verdict {
	if len(text) == 0 {
		return Malformed
	}
	ev.Kind, ev.Text = kind, text
	return Known
}

// syncProgress recognises messages that begin with ">>> ", in every dialect since
// 2005.
func (ev *Event) syncProgress(m []byte) Verdict {
	cut := func(prefix, suffix string) ([]byte, bool) {
		if !hasPrefix(m, prefix) || len(m) < len(prefix)+len(suffix) || string(m[len(m)-len(suffix):]) != suffix {
			return nil, false
		}
		return m[len(prefix) : len(m)-len(suffix)], true
	}
	if text, ok := cut("Syncing repository '", "'..."); ok {
		return ev.syncBegin(text, "' into '")
	}
	if text, ok := cut("Synchronization of repository '", "'..."); ok {
		return ev.syncBegin(text, "' located in '")
	}
	for _, prefix := range []string{"Starting rsync with ", "starting rsync with "} {
		if text, ok := cut(prefix, ""); ok {
			return ev.syncText(SyncTransport, text)
		}
	}
	if text, ok := cut("Starting retry ", ""); ok {
		_, url, found := bytes.Cut(text, []byte(" with "))
		if !found {
			return Malformed
		}
		return ev.syncText(SyncRetry, url)
	}
	if string(m) == "Cancelling sync -- Already current." {
		return ev.plain(SyncCurrent)
	}
	if text, ok := cut("Server out of date: ", ""); ok {
		return ev.syncText(SyncNotice, text)
	}
	for _, prefix := range []string{"Starting initial cvs checkout with ", "Starting initial svn checkout with "} {
		if text, ok := cut(prefix, "..."); ok {
			return ev.syncText(SyncTransport, text)
		}
	}
	for _, prefix := range []string{"Starting git pull in ", "Starting emerge-webrsync for "} {
		if text, ok := cut(prefix, "..."); ok {
			return ev.syncText(SyncBegin, text)
		}
	}
	for _, prefix := range []string{"Git pull successful: ", "Emerge-webrsync successful: "} {
		if text, ok := cut(prefix, ""); ok {
			return ev.syncText(SyncCompletedAt, text)
		}
	}
	if text, ok := cut("Git pull in ", " successful"); ok {
		return ev.syncText(SyncCompletedAt, text)
	}
	return Unknown
}

func (ev *Event) syncBegin(text []byte, between string) Verdict {
	name, location, found := bytes.Cut(text, []byte(between))
	if !found || len(name) == 0 {
		return Malformed
	}
	ev.Kind, ev.Name, ev.Text = SyncBegin, name, location
	return Known
}

// syncErrors are the error messages of the sync modules (sync/modules/*/). The
// location follows those that end in " in ".
var syncErrors = []string{
	"git clone error in ", "git rev-parse error in ", "git gc error in ", "git fetch error in ", "git clean error in ",
	"git merge error in ", "git pull error in ", "hg clone error in ", "hg pull error in ", "emerge-webrsync error in ",
	"could not update git remote ", "cvs checkout error; exiting.", "cvs update error; exiting.", "svn checkout error; exiting.",
	"svn update error; exiting.", "svn upgrade error; exiting.", "file is not a zip archive.",
}

func (ev *Event) syncError(m []byte) bool {
	for _, prefix := range syncErrors {
		if !hasPrefix(m, prefix) {
			continue
		}
		ev.Kind, ev.Text = SyncError, nil
		if bytes.HasSuffix([]byte(prefix), []byte(" in ")) {
			ev.Text = bytes.TrimSuffix(m[len(prefix):], []byte("."))
		}
		return true
	}
	return false
}
