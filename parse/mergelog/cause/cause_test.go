package cause

import "testing"

func TestLinesAreClassified(t *testing.T) {
	tests := []struct {
		line  string
		class Class
		rank  Rank
	}{
		{"gcc -c -o a.o a.c", Unknown, None},
		{"a.c:1:2: warning: unused variable ‘error’", Unknown, None},
		{"checking for error.h... no", Unknown, None},
		{"make: [Makefile:3: clean] Error 1 (ignored)", Unknown, None},
		{"make[1]: *** [Makefile:3: clean] Error 1 (ignored)", Unknown, None},
		{"make: *** Waiting for unfinished jobs....", Unknown, None},
		{"make: *** [a.mk:3: all] Error 2", Make, Report},
		{"make: *** No rule to make target 'x', needed by 'all'.  Stop.", Make, Reason},
		{"Makefile:7: *** missing separator.  Stop.", Make, Reason},
		{"make: *** [a.mk:3: all] Segmentation fault", Signal, Reason},
		{"ninja: error: 'a.h', needed by 'b.o', missing and no known rule to make it", Ninja, Reason},
		{"a.s:12: Error: no such instruction: `vfoo'", Compiler, Reason},
		{"clang: error: unable to execute command: Killed", Signal, Stop},
		{"virtual memory exhausted: Cannot allocate memory", Memory, Stop},
		{"LLVM ERROR: out of memory", Memory, Stop},
		{"terminate called after throwing an instance of 'std::bad_alloc'", Memory, Stop},
		{"  what():  std::bad_alloc", Unknown, None},
		{"collect2: fatal error: ld terminated with signal 9 [Killed]", Memory, Stop},
		{"/usr/bin/ld: cannot find -lfoo: No such file or directory", Linker, Reason},
		{"/usr/bin/ld: b.o:(.bss+0x0): multiple definition of `x'; a.o:(.bss+0x0): first defined here", Linker, Reason},
		{"x86_64-pc-linux-gnu-ld: error: cannot open crt1.o", Linker, Reason},
		{"error: linking with `cc` failed: exit status: 1", Linker, Reason},
		{"error: could not compile `syn` (lib) due to 3 previous errors", Rust, Report},
		{" 0:49.60 error[E0433]: failed to resolve", Rust, Reason},
		{"12:49.60 gmake[4]: *** [config/rules.mk:669: x.o] Error 1", Make, Report},
		{" 0:49.60 ::: a line of mach", Unknown, None},
		{"Foo.java:12: error: cannot find symbol", Compiler, Reason},
		{"./main.go:5:2: undefined: foo", Compiler, Reason},
		{"subprocess.CalledProcessError: Command '['x']' returned non-zero exit status 1.", Python, Report},
		{"E   AssertionError: 1 != 2", Python, Reason},
		{"FAILED tests/test_a.py::test_b - AssertionError: 1 != 2", Test, Reason},
		{"not ok 3 - parses dates", Test, Reason},
		{"not ok 3 - parses dates # TODO later", Unknown, None},
		{"cat: missing: No such file or directory", MissingFile, Weak},
		{"install: cannot stat 'x': No such file or directory", MissingFile, Reason},
		{"/bin/sh: line 1: yacc: command not found", MissingFile, Weak},
		{"Can't locate XML/Parser.pm in @INC (you may need to install the XML::Parser module)", MissingFile, Reason},
		{"Hunk #1 FAILED at 12.", Patch, Reason},
		{"-- Configuring incomplete, errors occurred!", CMake, Report},
		{"Killed", Signal, Stop},
		{"main.go:2:8: package nope/missing is not in std", Compiler, Reason},
		{"main_test.go:12: the log of a test", Unknown, None},
		{"main.go:2:8:no message", Unknown, None},
		{"    raise ValueError(\"bad: error: value\")", Unknown, None},
		{"ValueError: bad: error: value", Python, Reason},
		{"p: p.c:2: main: Assertion `1==2' failed.", Other, Reason},
		{"  thread 'main' (71) panicked at build.rs:1:12:", Rust, Reason},
		{"error: failed to run custom build command for `x v0.1.0`", Rust, Report},
		{"configure: error: in `/w/x':", Configure, Report},
		{"configure: error: C compiler cannot create executables", Configure, Reason},
		{"Global symbol \"$x\" requires explicit package name at a.pl line 1.", Other, Weak},
		{"see section 3 of line 12.", Unknown, None},
		{"a.sh: line 1: UNSET: unbound variable", Other, Reason},
		{"a.sh: line 3: syntax error near unexpected token `fi'", Other, Reason},
		{"make[2]: ./gen.sh: Permission denied", Other, Weak},
		{"/bin/sh: 1: ./gen.py: not found", MissingFile, Weak},
		{"tar: This does not look like a tar archive", Archive, Reason},
		{"xz: (stdin): File format not recognized", Archive, Reason},
		{" 2/12 unit                 FAIL            0.02s   exit status 1", Test, Reason},
		{"2/12 unit                 OK              0.02s", Unknown, None},
		{"ok 1 - error: parses bad input", Unknown, None},
		{"PASS: test-error: handling", Unknown, None},
		{"[ RUN      ] Parse.Error: x", Unknown, None},
		{"gcc -Werror -DERROR=1 -c error.c", Unknown, None},
		{"Segmentation fault is what this paragraph is about", Unknown, None},
		{"foo.cc: write error: Disk quota exceeded", Space, Stop},
	}
	for _, tt := range tests {
		if class, r := Classify([]byte(tt.line)); class != tt.class || r != tt.rank {
			t.Errorf("%q: want %s %d, got %s %d", tt.line, tt.class, tt.rank, class, r)
		}
	}
}
