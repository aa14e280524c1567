package prune

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// errKilled is what every step returns after the process was "killed".
var errKilled = errors.New("killed")

// fault makes the n-th step on a file system fail. A kill lets nothing happen
// from there on; other errors happen once, or from there on if they stay.
type fault struct {
	at    int
	err   error
	stays bool
	reads bool // steps that only look fail too; a kill there is one at the next step that changes something
	real  bool // the process is killed
	steps int
	log   []string
}

// happened reports whether the fault was met.
func (f *fault) happened() bool { return f.steps >= f.at }

func (f *fault) dead() bool { return f.err == errKilled && f.happened() }

func (f *fault) look(op, name string) error {
	if f.reads || f.dead() {
		return f.step(op, name)
	}
	return nil
}

func (f *fault) step(op, name string) error {
	f.steps++
	f.log = append(f.log, op+" "+name)
	if f.steps == f.at && f.real {
		unix.Kill(unix.Getpid(), unix.SIGKILL)
	}
	if f.steps == f.at || f.steps > f.at && (f.stays || f.err == errKilled) {
		return f.err
	}
	return nil
}

// fail makes the steps of a PkgDir fail as a fault says.
func (p *PkgDir) fail(f *fault) {
	p.dir = faulty{p.dir, f}
	for i := range p.places {
		p.places[i].in = faulty{p.places[i].in, f}
	}
}

// faulty is a folder whose steps fail as its fault says. It counts syncs and
// does not do them: no test pulls the plug.
type faulty struct {
	folder
	fault *fault
}

func (d faulty) stat(name string) (entry, error) {
	if err := d.fault.look("stat", name); err != nil {
		return entry{}, err
	}
	return d.folder.stat(name)
}

func (d faulty) names() ([]string, error) {
	if err := d.fault.look("names", ""); err != nil {
		return nil, err
	}
	return d.folder.names()
}

func (d faulty) open(name string) (folder, error) {
	if err := d.fault.look("open", name); err != nil {
		return nil, err
	}
	sub, err := d.folder.open(name)
	if err != nil {
		return nil, err
	}
	return faulty{sub, d.fault}, nil
}

func (d faulty) read(name string, limit int64) ([]byte, entry, error) {
	if err := d.fault.look("read", name); err != nil {
		return nil, entry{}, err
	}
	return d.folder.read(name, limit)
}

func (d faulty) mkdir(name string, mode uint32) error {
	if err := d.fault.step("mkdir", name); err != nil {
		return err
	}
	return d.folder.mkdir(name, mode)
}

func (d faulty) create(name string, mode uint32) (newFile, error) {
	if err := d.fault.step("create", name); err != nil {
		return nil, err
	}
	f, err := d.folder.create(name, mode)
	if err != nil {
		return nil, err
	}
	return faultyFile{f, d.fault, name}, nil
}

func (d faulty) rename(name string, to folder, newName string, replace bool) error {
	if err := d.fault.step("rename", name+" "+newName); err != nil {
		return err
	}
	return d.folder.rename(name, to.(faulty).folder, newName, replace)
}

func (d faulty) unlink(name string) error {
	if err := d.fault.step("unlink", name); err != nil {
		return err
	}
	return d.folder.unlink(name)
}

func (d faulty) rmdir(name string) error {
	if err := d.fault.step("rmdir", name); err != nil {
		return err
	}
	return d.folder.rmdir(name)
}

func (d faulty) setMTime(name string, ns int64) error {
	if err := d.fault.step("setMTime", name); err != nil {
		return err
	}
	return d.folder.setMTime(name, ns)
}

func (d faulty) own(a attributes) error {
	if err := d.fault.step("own", ""); err != nil {
		return err
	}
	return d.folder.own(a)
}

func (d faulty) sync() error    { return d.fault.step("sync", "") }
func (d faulty) syncAll() error { return d.fault.step("syncAll", "") }

func (d faulty) lock(name string, a attributes) (locked, error) {
	if err := d.fault.step("lock", name); err != nil {
		return nil, err
	}
	held, err := d.folder.lock(name, a)
	if err != nil {
		return nil, err
	}
	return faultyLock{held.(*osLock), d.fault}, nil
}

type faultyLock struct {
	*osLock
	fault *fault
}

func (l faultyLock) release() error {
	if err := l.fault.step("release", ""); err != nil {
		// The kernel lets go when the process ends; the file stays.
		return errors.Join(err, l.letGo())
	}
	return l.osLock.release()
}

type faultyFile struct {
	newFile
	fault *fault
	name  string
}

func (f faultyFile) write(b []byte) error {
	if err := f.fault.step("write", f.name); err != nil {
		// Some of it may have reached the disk.
		return errors.Join(err, f.newFile.write(b[:len(b)/2]))
	}
	return f.newFile.write(b)
}

func (f faultyFile) own(a attributes) error {
	if err := f.fault.step("own", f.name); err != nil {
		return err
	}
	return f.newFile.own(a)
}

func (f faultyFile) sync() error { return f.fault.step("sync", f.name) }

// faults are the ways in which a step can fail.
var faults = []fault{
	{err: errKilled},
	{err: unix.ENOSPC},
	{err: unix.ENOSPC, stays: true},
	{err: unix.EIO, reads: true},
	{err: unix.EIO, stays: true},
	{err: unix.EPERM},
	{err: unix.EPERM, stays: true},
}

func (f *fault) String() string {
	last := ""
	if n := f.at - 1; n >= 0 && n < len(f.log) {
		last = f.log[n]
	}
	return fmt.Sprintf("%v (stays: %v) at step %d (%s)", f.err, f.stays, f.at, last)
}
