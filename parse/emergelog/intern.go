package emergelog

// maxNames bounds the shared strings. A host has some hundred; beyond the limit,
// strings are duplicated.
const maxNames = 1 << 12

// interner returns the same string for equal bytes, so that the records of a long
// log share the names of roots, slots and repositories. It does not hold package
// versions, because a long log has new ones all the time.
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
