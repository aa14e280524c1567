package emergelog

// maxNames bounds the strings that are kept to be shared. A host has a few
// thousand; with more, some are stored twice.
const maxNames = 1 << 16

// interner returns one string for equal bytes, so that the records of a long
// log share the names of packages, roots and repositories.
type interner struct {
	names map[string]string
}

func (in *interner) intern(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if s, ok := in.names[string(b)]; ok {
		return s
	}
	if in.names == nil || len(in.names) >= maxNames {
		in.names = make(map[string]string)
	}
	s := string(b)
	in.names[s] = s
	return s
}
