package emergelog

// maxNames bounds the strings that are kept to be shared. A host has some
// hundred; with more, some are stored twice.
const maxNames = 1 << 12

// interner returns one string for equal bytes, so that the records of a long
// log share the names of roots, slots and repositories. Those of packages are
// not worth it: a long log has new versions all the time.
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
