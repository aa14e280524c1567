package box

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// tree is the merged tree while process 1 mounts it. Every folder is held by a
// descriptor, and mounts name them below /proc/self/fd: paths of the host, such as a
// root below /sys, may be covered meanwhile. Targets are resolved inside the tree, so
// its symbolic links do not lead out.
type tree struct {
	setup    setup
	base     int    // folder of the scratch
	nodes    string // folder with device nodes, on a file system where they work
	root     int    // of the merged tree
	made     int    // how many empty folders there are
	readOnly map[int]bool
	absent   map[int]bool
	tried    []string
}

// buildTree mounts all layers.
func buildTree(s setup) (*tree, error) {
	t := &tree{setup: s, base: -1, root: -1, readOnly: map[int]bool{}, absent: map[int]bool{}}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return t, fmt.Errorf("private mounts: %w", err)
	}
	lowers, err := t.openLowers()
	if err != nil {
		return t, err
	}
	if err := t.openBase(); err != nil {
		return t, err
	}
	for i, l := range s.Layers {
		if l.Kind == overlay {
			err = t.overlay(i, l.At, lowers[i])
		} else {
			err = t.empty(l)
		}
		if err != nil {
			return t, err
		}
	}
	for _, fd := range lowers {
		unix.Close(fd)
	}
	return t, t.kernelFolders()
}

// openLowers opens the lower layers, by index.
func (t *tree) openLowers() (map[int]int, error) {
	lowers := map[int]int{}
	for i, l := range t.setup.Layers {
		if l.Kind != overlay {
			continue
		}
		name := filepath.Join(t.setup.Root, l.At)
		fd, err := unix.Open(name, unix.O_PATH|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		lowers[i] = fd
	}
	return lowers, nil
}

// openBase makes the folder that holds the upper layers.
func (t *tree) openBase() (err error) {
	name := t.setup.Scratch
	if name == "" {
		name = stagePoint
		options := "mode=0700"
		if t.setup.Size > 0 {
			options += ",size=" + strconv.FormatInt(t.setup.Size, 10)
		}
		if err := unix.Mount("emaudit-drill", name, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
			return fmt.Errorf("tmpfs: %w", err)
		}
	}
	if t.base, err = unix.Open(name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := t.makeFolder("nodes", 0o700); err != nil {
		return err
	}
	t.nodes = t.inBase("nodes")
	if err := unix.Mount("emaudit-drill", t.nodes, "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=0700,size=64k"); err != nil {
		return fmt.Errorf("tmpfs of devices: %w", err)
	}
	return nil
}

// inBase is the path of a name in the scratch.
func (t *tree) inBase(name string) string { return path.Join(descriptor(t.base), name) }

// descriptor is the path of an open file.
func descriptor(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

func (t *tree) makeFolder(name string, mode uint32) error {
	if err := unix.Mkdirat(t.base, name, mode); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("scratch: %w", err)
	}
	return unix.Fchmodat(t.base, name, mode, 0)
}

// overlayOptions choose what an overlay does besides its layers. Without redirect_dir
// and metacopy the upper layer has every changed file whole and at its place, and
// with xino all files of an overlay have one st_dev, as on one file system
// (Documentation/filesystems/overlayfs.rst).
const overlayOptions = "xino=on,index=off,redirect_dir=off,metacopy=off"

// overlay mounts an overlay over a folder of the root. Anything that is not a
// folder, or cannot be a lower layer, becomes read-only. The root itself must be a
// lower layer.
func (t *tree) overlay(i int, at string, lower int) error {
	var st unix.Stat_t
	if err := unix.Fstat(lower, &st); err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	isFolder := st.Mode&unix.S_IFMT == unix.S_IFDIR
	if !isFolder && st.Mode&unix.S_IFMT != unix.S_IFREG {
		// A service of the host may listen at a socket or FIFO, also if its mount is
		// read-only. A device is of no use.
		t.absent[i] = true
		return nil
	}
	target, err := t.layerTarget(i, at, isFolder)
	if err != nil {
		return err
	}
	if isFolder {
		if err := t.makeLayer(i, &st); err != nil {
			return err
		}
		options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s,%s", descriptor(lower), t.inBase(upperOf(i)), t.inBase(workOf(i)), overlayOptions)
		err = unix.Mount("emaudit-drill", descriptor(target), "overlay", unix.MS_NOSUID|unix.MS_NODEV, options)
		if err == nil {
			return t.mounted(at, target)
		}
		t.tried = append(t.tried, fmt.Sprintf("overlay over %s: %v", path.Join(t.setup.Root, at), err))
		if at == "/" {
			return errors.New("nothing was run")
		}
	}
	defer unix.Close(target)
	t.readOnly[i] = true
	if err := bind(descriptor(lower), target, readOnly); err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	return nil
}

// layerTarget is the place at which a layer is mounted.
func (t *tree) layerTarget(i int, at string, isFolder bool) (int, error) {
	if at == "/" {
		if err := t.makeFolder("root", 0o755); err != nil {
			return -1, err
		}
		return unix.Openat(t.base, "root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	}
	if isFolder {
		return t.folder(at)
	}
	return t.open(at)
}

// mounted opens the root of the tree once it is there. An upper layer that lacks what
// an overlay needs makes the overlay read-only.
func (t *tree) mounted(at string, target int) (err error) {
	defer unix.Close(target)
	if at == "/" {
		if t.root, err = unix.Openat(t.base, "root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
			return err
		}
	}
	var st unix.Statfs_t
	fd, err := t.open(at)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Fstatfs(fd, &st); err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	if st.Flags&unix.ST_RDONLY != 0 {
		t.tried = append(t.tried, fmt.Sprintf("overlay over %s: the file system of the scratch cannot be an upper layer", path.Join(t.setup.Root, at)))
		return errors.New("nothing was run")
	}
	return nil
}

// makeLayer makes the upper layer of a folder, which gives the merged folder its
// owner and mode.
func (t *tree) makeLayer(i int, lower *unix.Stat_t) error {
	for _, name := range []string{strconv.Itoa(i), workOf(i), upperOf(i)} {
		if err := t.makeFolder(name, 0o700); err != nil {
			return err
		}
	}
	upper := t.inBase(upperOf(i))
	times := []unix.Timespec{lower.Atim, lower.Mtim}
	if err := errors.Join(unix.Chown(upper, int(lower.Uid), int(lower.Gid)), unix.Chmod(upper, lower.Mode&0o7777),
		unix.UtimesNanoAt(unix.AT_FDCWD, upper, times, 0)); err != nil {
		return fmt.Errorf("upper layer: %w", err)
	}
	return nil
}

// empty mounts an empty folder. A root without the folder needs none.
func (t *tree) empty(l layer) error {
	target, err := t.open(l.At)
	if errors.Is(err, unix.ENOENT) && path.Dir(l.At) != "/" {
		target, err = t.folder(l.At)
	}
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", l.At, err)
	}
	defer unix.Close(target)
	source, err := t.newFolder(l.Mode)
	if err != nil {
		return err
	}
	return bind(source, target, writable)
}

// newFolder makes an empty folder in the scratch.
func (t *tree) newFolder(mode uint32) (string, error) {
	t.made++
	name := "empty" + strconv.Itoa(t.made)
	return t.inBase(name), t.makeFolder(name, mode)
}

// open opens a path inside the tree.
func (t *tree) open(at string) (int, error) {
	fd, err := unix.Openat2(t.root, at, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
	if err != nil {
		return -1, fmt.Errorf("%s: %w", at, err)
	}
	return fd, nil
}

// folder opens a folder inside the tree, and makes it if it is not there.
func (t *tree) folder(at string) (int, error) {
	fd, err := t.open(at)
	if !errors.Is(err, unix.ENOENT) {
		return fd, err
	}
	parent, err := t.folder(path.Dir(at))
	if err != nil {
		return -1, err
	}
	defer unix.Close(parent)
	if err := unix.Mkdirat(parent, path.Base(at), 0o755); err != nil {
		return -1, fmt.Errorf("%s: %w", at, err)
	}
	return t.open(at)
}

// bind mounts a folder or file at another place, with mount attributes
// (mount_setattr(2), Linux 5.12).
func bind(source string, target int, attributes uint64) error {
	fd, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return fmt.Errorf("bind: open_tree: %w", err)
	}
	defer unix.Close(fd)
	if attributes != 0 {
		if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: attributes}); err != nil {
			return fmt.Errorf("bind: mount_setattr: %w", err)
		}
	}
	if err := unix.MoveMount(fd, "", target, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH); err != nil {
		return fmt.Errorf("bind: move_mount: %w", err)
	}
	return nil
}

// Attributes of binds.
const (
	writable = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
	readOnly = writable | unix.MOUNT_ATTR_RDONLY
)
