package box

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// layerKind is what the box has at a path.
type layerKind string

const (
	// overlay is a folder of the root under an overlay. If the kernel refuses that,
	// as for FAT, it is read-only.
	overlay layerKind = "overlay"
	// empty is a new folder.
	empty layerKind = "empty"
)

// layer is one mount of the box.
type layer struct {
	At   string // inside the root
	Kind layerKind
	Mode uint32 // of an empty folder
}

// emptied are the folders that are empty in a box: services of the host are found in
// /run, and the rest belongs to users.
var emptied = []layer{
	{"/home", empty, 0o755},
	{"/media", empty, 0o755},
	{"/mnt", empty, 0o755},
	{"/root", empty, 0o700},
	{"/run", empty, 0o755},
	{"/run/lock", empty, 0o1777},
	{"/tmp", empty, 0o1777},
}

// replaced are the folders that the box makes itself.
var replaced = []string{"/dev", "/proc", "/sys"}

// kernelTypes are the file systems that show the kernel and hold no files of a
// system.
var kernelTypes = []string{
	"autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs", "fusectl", "hugetlbfs",
	"mqueue", "nfsd", "nsfs", "proc", "pstore", "rpc_pipefs", "securityfs", "selinuxfs", "sysfs", "tracefs",
}

// networkTypes are the file systems of other machines, and of programs of users. An
// access to one may wait forever.
var networkTypes = []string{"9p", "afs", "beegfs", "ceph", "cifs", "coda", "fuse", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs"}

// systemFolders hold what packages install. A box has every file system there.
var systemFolders = []string{"/bin", "/boot", "/efi", "/etc", "/lib", "/lib32", "/lib64", "/opt", "/sbin", "/usr", "/var"}

// layersOf returns the layers of a box in the order of mounting, and the mounts
// below the root that the box lacks. Keepers are folders inside the root that the
// box has in any case. The disk that holds the scratch cannot be a layer, so it is
// omitted if packages install nothing there.
func layersOf(root, scratch string, mounts []*mountinfo.Info, keepers []string) (layers []layer, absent []string) {
	layers = []layer{{At: "/", Kind: overlay}}
	layers = append(layers, emptied...)
	left := []string{}
	for _, m := range mounts {
		at, inside := insideRoot(root, m.Mountpoint)
		if !inside || at == "/" || slices.ContainsFunc(replaced, func(dir string) bool { return isBelow(dir, at) }) {
			continue
		}
		hidden := slices.ContainsFunc(emptied, func(l layer) bool { return isBelow(l.At, at) })
		holdsScratch := scratch != "" && inLayer(m.Mountpoint, scratch, mounts) &&
			!slices.ContainsFunc(systemFolders, func(dir string) bool { return isBelow(dir, at) })
		foreign := slices.Contains(networkTypes, m.FSType) || strings.HasPrefix(m.FSType, "fuse.")
		switch {
		case slices.Contains(kernelTypes, m.FSType):
			left = append(left, at)
		case hidden || foreign || holdsScratch:
			left = append(left, at)
			if at == "/run" || at == "/tmp" {
				continue
			}
			absent = append(absent, fmt.Sprintf("%s (%s)", at, m.FSType))
		default:
			layers = append(layers, layer{At: at, Kind: overlay})
		}
	}
	for _, k := range keepers {
		k = path.Clean("/" + k)
		hidden := slices.ContainsFunc(emptied, func(l layer) bool { return isBelow(l.At, k) }) ||
			slices.ContainsFunc(left, func(at string) bool { return isBelow(at, k) })
		if hidden {
			layers = append(layers, layer{At: k, Kind: overlay})
		}
	}
	// Parents come before what is mounted on them, as their names do.
	slices.SortStableFunc(layers, func(a, b layer) int { return cmp.Compare(a.At, b.At) })
	layers = slices.CompactFunc(layers, func(a, b layer) bool { return a.At == b.At })
	return layers, absent
}

// insideRoot returns a path of the system as one inside the root.
func insideRoot(root, name string) (string, bool) {
	if !isBelow(root, name) {
		return "", false
	}
	return path.Clean("/" + strings.TrimPrefix(name, strings.TrimRight(root, "/"))), true
}

// isBelow reports whether a clean path is dir or below it.
func isBelow(dir, name string) bool {
	return name == dir || strings.HasPrefix(name, strings.TrimRight(dir, "/")+"/")
}

// inLayer reports whether a folder is inside a lower layer: below it, with no other
// file system mounted in between.
func inLayer(lower, folder string, mounts []*mountinfo.Info) bool {
	return isBelow(lower, folder) && !slices.ContainsFunc(mounts, func(m *mountinfo.Info) bool {
		return m.Mountpoint != lower && isBelow(lower, m.Mountpoint) && isBelow(m.Mountpoint, folder)
	})
}

// visibleMounts are the mounts at and below a root that no other mount hides.
func visibleMounts(root string) ([]*mountinfo.Info, error) {
	all, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) { return !isBelow(root, m.Mountpoint), false })
	if err != nil {
		return nil, fmt.Errorf("mounts: %w", err)
	}
	return slices.DeleteFunc(all, func(m *mountinfo.Info) bool {
		// A server that does not answer would block this process.
		if slices.Contains(networkTypes, m.FSType) || strings.HasPrefix(m.FSType, "fuse.") || m.FSType == "autofs" {
			return false
		}
		var st unix.Statx_t
		err := unix.Statx(unix.AT_FDCWD, m.Mountpoint, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, unix.STATX_MNT_ID, &st)
		if errors.Is(err, unix.ENOENT) {
			return true
		}
		// Linux 5.8 returns the mount of a path.
		return err == nil && st.Mask&unix.STATX_MNT_ID != 0 && st.Mnt_id != uint64(m.ID)
	}), nil
}
