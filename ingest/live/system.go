package live

import (
	"bytes"
	"slices"
	"strings"

	"emaudit/hostfs"
)

// System is what a root says of itself in os-release(5).
type System struct {
	Name   string // for people: PRETTY_NAME, or else NAME; "" if there is no such file
	Gentoo bool   // Gentoo, or made of it
}

// maxOSRelease limits os-release, which has a few hundred bytes, in bytes.
const maxOSRelease = 64 << 10

// ReadSystem reads the first of /etc/os-release and /usr/lib/os-release that can be
// read. The format is that of os-release(5): shell assignments without expansion.
func ReadSystem(root *hostfs.Root) System {
	for _, path := range []string{"/etc/os-release", "/usr/lib/os-release"} {
		if text, err := root.ReadFile(path, maxOSRelease); err == nil {
			return parseSystem(string(text))
		}
	}
	return System{}
}

func parseSystem(text string) System {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		if n := len(value); n > 1 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = strings.NewReplacer(`\"`, `"`, `\$`, `$`, `\\`, `\`, "\\`", "`").Replace(value[1 : n-1])
		}
		values[name] = value
	}
	s := System{Name: values["PRETTY_NAME"], Gentoo: values["ID"] == "gentoo" || slices.Contains(strings.Fields(values["ID_LIKE"]), "gentoo")}
	if s.Name == "" {
		s.Name = values["NAME"]
	}
	return s
}

// maxRelease is the largest accepted size of the kernel's release, in bytes. The kernel
// allows 64 (__NEW_UTS_LEN).
const maxRelease = 256

// KernelRelease returns the release of the kernel that runs, as uname -r prints it. It
// returns "" if the root is not the running system or /proc does not say.
func KernelRelease(root *hostfs.Root) string {
	if !root.IsSystem() {
		return ""
	}
	release, err := root.ReadFile("/proc/sys/kernel/osrelease", maxRelease)
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(release))
}
