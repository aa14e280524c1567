package box

import (
	"path"
	"strings"
	"syscall"
)

// unixProcAttr says how a process is started. Package unix has no fork.
type unixProcAttr = syscall.ProcAttr

// forkExec starts a program. Process 1 waits for all processes at once, which os/exec
// does not allow for.
func forkExec(program string, argv []string, attr *unixProcAttr) (pid int, err error) {
	return syscall.ForkExec(program, argv, attr)
}

// candidates are the paths at which a program may be. The last PATH of env counts.
func candidates(name string, env []string) []string {
	if strings.Contains(name, "/") {
		return []string{name}
	}
	var all []string
	for i := len(env) - 1; i >= 0; i-- {
		if dirs, ok := strings.CutPrefix(env[i], "PATH="); ok {
			for dir := range strings.SplitSeq(dirs, ":") {
				if path.IsAbs(dir) {
					all = append(all, path.Join(dir, name))
				}
			}
			return all
		}
	}
	return nil
}
