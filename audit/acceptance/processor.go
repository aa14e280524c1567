package acceptance

import (
	"fmt"
	"slices"
	"strings"

	"emaudit/audit"
)

// processor holds the features of a host's processor, named as in /proc/cpuinfo.
type processor struct {
	known bool
	name  string
	flags map[string]bool
}

// parseProcessor reads the lines of one processor in cpuinfo.
func parseProcessor(b []byte) processor {
	p := processor{flags: map[string]bool{}}
	for line := range strings.Lines(string(b)) {
		key, value, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(key) {
		case "flags", "Features":
			p.known = true
			for f := range strings.FieldsSeq(value) {
				p.flags[f] = true
			}
		case "model name":
			p.name = strings.TrimSpace(value)
		}
	}
	return p
}

// The levels of the x86-64 psABI and the features that each adds, named as in
// cpuinfo.
var (
	x86Level1 = []string{"cmov", "cx8", "fpu", "fxsr", "mmx", "sse", "sse2"}
	x86Level2 = append(slices.Clip(x86Level1), "cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3")
	x86Level3 = append(slices.Clip(x86Level2), "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave")
	x86Level4 = append(slices.Clip(x86Level3), "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")
)

// marches lists the features that code may use for each -march of GCC (GCC manual,
// x86 Options), named as in cpuinfo. Other values are unknown.
var marches = map[string][]string{
	"x86-64": x86Level1, "x86-64-v2": x86Level2, "x86-64-v3": x86Level3, "x86-64-v4": x86Level4,
	"k8": x86Level1, "opteron": x86Level1, "athlon64": x86Level1,
	"nocona":  append(slices.Clip(x86Level1), "pni", "cx16"),
	"core2":   append(slices.Clip(x86Level1), "pni", "cx16", "ssse3"),
	"nehalem": x86Level2, "corei7": x86Level2, "silvermont": append(slices.Clip(x86Level2), "movbe", "rdrand"),
	"westmere":    append(slices.Clip(x86Level2), "pclmulqdq"),
	"sandybridge": append(slices.Clip(x86Level2), "pclmulqdq", "avx", "xsave"),
	"ivybridge":   append(slices.Clip(x86Level2), "pclmulqdq", "avx", "xsave", "f16c", "rdrand", "fsgsbase"),
	"haswell":     append(slices.Clip(x86Level3), "pclmulqdq", "rdrand", "fsgsbase"),
	"broadwell":   append(slices.Clip(x86Level3), "pclmulqdq", "rdrand", "fsgsbase", "rdseed", "adx"),
	"skylake":     append(slices.Clip(x86Level3), "pclmulqdq", "rdrand", "fsgsbase", "rdseed", "adx", "clflushopt", "xsavec", "aes"),
	"skylake-avx512": append(slices.Clip(x86Level4), "pclmulqdq", "rdrand", "fsgsbase", "rdseed", "adx",
		"clflushopt", "xsavec", "aes", "clwb", "pku"),
	"znver1": append(slices.Clip(x86Level3), "pclmulqdq", "rdrand", "fsgsbase", "rdseed", "adx", "clflushopt", "xsavec", "aes", "sha_ni", "sse4a"),
	"znver2": append(slices.Clip(x86Level3), "pclmulqdq", "rdrand", "fsgsbase", "rdseed", "adx", "clflushopt", "xsavec", "aes", "sha_ni", "sse4a", "clwb", "rdpid"),
	"znver3": append(slices.Clip(x86Level3), "pclmulqdq", "rdrand", "fsgsbase", "rdseed", "adx", "clflushopt", "xsavec", "aes", "sha_ni", "sse4a", "clwb", "rdpid", "vaes", "vpclmulqdq", "pku"),
	"znver4": append(slices.Clip(x86Level4), "pclmulqdq", "rdrand", "fsgsbase", "rdseed", "adx", "clflushopt", "xsavec", "aes", "sha_ni", "sse4a", "clwb", "rdpid", "vaes", "vpclmulqdq", "pku", "gfni"),
}

// cpuFlagNames are the values of CPU_FLAGS_X86 that have another name in cpuinfo
// (profiles/desc/cpu_flags_x86.desc).
var cpuFlagNames = map[string]string{
	"fma3": "fma", "mmxext": "mmxext", "sse3": "pni", "3dnow": "3dnow", "vpclmulqdq": "vpclmulqdq", "sha": "sha_ni", "padlock": "ace_en", "pclmul": "pclmulqdq",
}

// marchOf returns the value of the last -march or -mcpu in compiler flags. It
// returns "" if there is none, which means the default of the compiler.
func marchOf(flags string) string {
	march := ""
	for w := range strings.FieldsSeq(flags) {
		if v, ok := strings.CutPrefix(w, "-march="); ok {
			march = v
		} else if v, ok := strings.CutPrefix(w, "-mcpu="); ok && march == "" {
			march = v
		}
	}
	return march
}

// readFlags shows the features of the processor.
var readFlags = audit.Do(audit.Run("grep", "-m1", "flags", "/proc/cpuinfo"))

// judge compares the target of a build with the features of the processor, which
// Portage never does. A package may ignore CFLAGS, or use other features, so this
// warns of a crash and proves nothing. here reports that the build was installed on
// this host before.
func (p *processor) judge(cflags, cxxflags, use string, here bool) []Reason {
	var reasons []Reason
	unknown := func(code, detail string) {
		if here {
			return // it has run on this host
		}
		reasons = append(reasons, Reason{Code: code, Detail: detail, Effect: EffectUnknown, SettleWith: readFlags})
	}
	seen := map[string]bool{}
	for _, march := range []string{marchOf(cflags), marchOf(cxxflags)} {
		if march == "" || seen[march] {
			continue
		}
		seen[march] = true
		needs, ok := marches[march]
		switch {
		case march == "native":
			unknown("march-native", "built with -march=native, on a machine that its metadata does not name")
		case !p.known:
			unknown(audit.CodeMarchUnknown, fmt.Sprintf("built with -march=%s, and the features of this processor are not known", march))
		case !ok:
			unknown(audit.CodeMarchUnknown, fmt.Sprintf("built with -march=%s, which emaudit does not know", march))
		default:
			if lacking := p.lacking(needs); lacking != "" {
				reasons = append(reasons, Reason{Code: audit.CodeMarchRefused, Effect: EffectRefused, Detail: fmt.Sprintf("built with -march=%s, and this processor lacks %s", march, lacking)})
			}
		}
	}
	var flags []string
	for u := range strings.FieldsSeq(use) {
		if f, ok := strings.CutPrefix(u, "cpu_flags_x86_"); ok {
			if name := cpuFlagNames[f]; name != "" {
				f = name
			}
			// AMD processors name it differently, and cpuinfo of other processors
			// does not list features that SSE includes.
			if f != "mmxext" {
				flags = append(flags, f)
			}
		}
	}
	if len(flags) > 0 && !p.known {
		unknown("cpu-flags-unknown", "built with CPU_FLAGS_X86, and the features of this processor are not known")
	} else if lacking := p.lacking(flags); len(flags) > 0 && lacking != "" {
		reasons = append(reasons, Reason{Code: audit.CodeCPUFlagsRefused, Effect: EffectRefused, Detail: "built with CPU_FLAGS_X86 that this processor lacks: " + lacking})
	}
	return reasons
}

// lacking returns the features that the processor lacks, or "".
func (p *processor) lacking(flags []string) string {
	var missing []string
	for _, f := range flags {
		if !p.flags[f] {
			missing = append(missing, f)
		}
	}
	return strings.Join(missing, " ")
}
