package emergelog

import (
	"encoding/binary"
	"errors"
	"fmt"

	"emaudit/parse"
)

// stateVersion is the first byte of a stored state. A state of a later version is
// an error, and the log must be read from the beginning. Version 1 lacks the clock
// steps of runs.
const stateVersion = 2

// ErrState means that a stored state is damaged or from an unknown version.
var ErrState = errors.New("emerge.log: stored state is of another version or damaged")

// MarshalBinary returns the state of the parser at the position that the last Read
// returned. Its size depends on the open runs, not on the size of the input.
func (p *Parser) MarshalBinary() ([]byte, error) {
	var c codec
	c.writing = true
	c.version = stateVersion
	c.integer(&c.version)
	p.asm.code(&c)
	return c.data, nil
}

// UnmarshalBinary restores a state from MarshalBinary. If it returns [ErrState],
// the parser is in its initial state.
func (p *Parser) UnmarshalBinary(data []byte) error {
	restored := assembler{sink: p.asm.sink}
	c := codec{data: data}
	c.integer(&c.version)
	if c.version < 1 || c.version > stateVersion {
		return fmt.Errorf("%w: version %d, want %d", ErrState, c.version, stateVersion)
	}
	restored.code(&c)
	if c.bad || len(c.data) != 0 {
		return fmt.Errorf("%w: %d bytes", ErrState, len(data))
	}
	*p = Parser{asm: restored}
	return nil
}

// codec writes or reads fields. The same code does both, so that writing and
// reading always agree on the order.
type codec struct {
	writing bool
	version int64
	data    []byte
	bad     bool
}

func (c *codec) integer(x *int64) {
	if c.writing {
		c.data = binary.AppendVarint(c.data, *x)
		return
	}
	value, n := binary.Varint(c.data)
	if n <= 0 {
		c.fail()
		return
	}
	*x, c.data = value, c.data[n:]
}

func (c *codec) fail() { c.bad, c.data = true, nil }

func number[T ~int | ~uint8](c *codec, x *T) {
	value := int64(*x)
	c.integer(&value)
	*x = T(value)
	if int64(*x) != value {
		c.fail()
	}
}

// enum codes a number below the number of names.
func enum[T ~uint8](c *codec, x *T, names int) {
	number(c, x)
	if int(*x) >= names {
		c.fail()
		*x = 0
	}
}

func (c *codec) boolean(x *bool) {
	value := int64(0)
	if *x {
		value = 1
	}
	c.integer(&value)
	*x = value == 1
}

func (c *codec) text(x *string) {
	length := int64(len(*x))
	c.integer(&length)
	if c.writing {
		c.data = append(c.data, *x...)
		return
	}
	if length < 0 || length > int64(len(c.data)) {
		c.fail()
		return
	}
	*x, c.data = string(c.data[:length]), c.data[length:]
}

// count codes the length of a list. Each element takes at least one byte, so a
// damaged length cannot exceed the remaining data.
func (c *codec) count(n int) int {
	number(c, &n)
	if !c.writing && (n < 0 || n > len(c.data)) {
		c.fail()
		return 0
	}
	return n
}

func pointers[T any](c *codec, list *[]*T, code func(*codec, *T)) {
	n := c.count(len(*list))
	if !c.writing {
		*list = nil
		for range n {
			*list = append(*list, new(T))
		}
	}
	for _, element := range *list {
		code(c, element)
	}
}

func (a *assembler) code(c *codec) {
	number(c, &a.source)
	c.integer(&a.lastID)
	c.integer(&a.last)
	number(c, &a.clockSteps)
	c.integer(&a.argsOf)
	c.integer(&a.started)
	pointers(c, &a.open, codeWork)
	if c.version == 1 {
		for _, w := range a.open {
			w.clockSteps = a.clockSteps
		}
	}
}

func codePosition(c *codec, p *Position) {
	number(c, &p.Source)
	c.integer(&p.Offset)
}

func codeWork(c *codec, w *work) {
	c.integer(&w.ID)
	codePosition(c, &w.Begin)
	codePosition(c, &w.End)
	for _, x := range []*int64{&w.Started, &w.Ended, &w.LastSeen} {
		c.integer(x)
	}
	c.text(&w.Args)
	enum(c, &w.Action, len(actionNames))
	for _, x := range []*int{&w.ExitStatus, &w.Merges, &w.Unmerges, &w.Syncs, &w.Merged, &w.of, &w.lastN, &w.done} {
		number(c, x)
	}
	c.text(&w.LowSpace)
	for _, x := range []*bool{
		&w.Headless, &w.Resumed, &w.Uncertain, &w.hasArgs, &w.finished, &w.syncing, &w.restarted, &w.terminated, &w.anyFailed, &w.doubted, &w.presumedDead, &w.certainlyDead,
	} {
		c.boolean(x)
	}
	if c.version > 1 {
		number(c, &w.clockSteps)
		c.boolean(&w.ClockStepped)
	}
	if !c.writing && w.hasArgs {
		w.request = parseRequest(w.Args, w.Started)
	}
	w.action = w.Action
	pointers(c, &w.merges, codeMerge)
	pointers(c, &w.unmerges, codeUnmerge)
	pointers(c, &w.syncs, codeSync)
}

func codeMerge(c *codec, m *openMerge) {
	c.integer(&m.Run)
	number(c, &m.Seq)
	codePosition(c, &m.Begin)
	for _, x := range []*string{&m.CPV, &m.Root, &m.RepoPath, &m.Slot, &m.Binpkg} {
		c.text(x)
	}
	for _, x := range []*int{&m.N, &m.Of, &m.BuildID, &m.name, &m.clockSteps} {
		number(c, x)
	}
	enum(c, &m.Kind, len(mergeKindNames))
	enum(c, &m.Outcome, len(mergeOutcomeNames))
	enum(c, &m.phase, int(cleaned)+1)
	for _, x := range []*int64{
		&m.Started, &m.Finished, &m.Steps.Cleaning, &m.Steps.Fetching, &m.Steps.Compiling, &m.Steps.Built, &m.Steps.Merging, &m.Steps.Autoclean,
	} {
		c.integer(x)
	}
	for _, x := range []*bool{&m.Packaged, &m.World, &m.PostinstFailed, &m.BetweenVersions, &m.ClockStepped, &m.Uncertain, &m.held} {
		c.boolean(x)
	}
	n := c.count(len(m.Replaced))
	if !c.writing && n > 0 {
		m.Replaced = make([]string, n)
	}
	for i := range m.Replaced {
		c.text(&m.Replaced[i])
	}
	used := m.Usage != nil
	c.boolean(&used)
	if used {
		if m.Usage == nil {
			m.Usage = new(parse.Usage)
		}
		for _, x := range []*int64{&m.Usage.CPUMillis, &m.Usage.MaxMem, &m.Usage.MaxSwap, &m.Usage.Read, &m.Usage.Written} {
			c.integer(x)
		}
	}
	if m.name < 0 || m.name > len(m.CPV) {
		c.fail()
		m.name = 0
	}
}

func codeUnmerge(c *codec, u *openUnmerge) {
	c.integer(&u.Run)
	number(c, &u.Seq)
	codePosition(c, &u.Begin)
	c.text(&u.CPV)
	enum(c, &u.Reason, len(unmergeReasonNames))
	enum(c, &u.Outcome, len(unmergeOutcomeNames))
	c.integer(&u.Started)
	c.integer(&u.Finished)
	number(c, &u.Merge)
	number(c, &u.clock)
	for _, x := range []*bool{&u.ClockStepped, &u.Uncertain, &u.held} {
		c.boolean(x)
	}
}

func codeSync(c *codec, s *openSync) {
	c.integer(&s.Run)
	number(c, &s.Seq)
	codePosition(c, &s.Begin)
	c.text(&s.Repo)
	c.text(&s.Location)
	c.text(&s.URL)
	enum(c, &s.Outcome, len(syncOutcomeNames))
	c.integer(&s.Started)
	c.integer(&s.Finished)
	number(c, &s.Retries)
	number(c, &s.clock)
	for _, x := range []*bool{&s.ClockStepped, &s.Uncertain, &s.ended} {
		c.boolean(x)
	}
}
