package atom

import (
	"fmt"
	"strings"
)

const (
	// MaxDepString is the largest accepted length of a dependency string, in bytes.
	// The longest in the Gentoo repository have less than 100 KiB.
	MaxDepString = 1 << 20
	// MaxDepDepth is the largest accepted nesting of groups. Real ones nest less
	// than 10 deep. The limit keeps hostile metadata from exhausting the stack.
	MaxDepDepth = 100
)

// DepKind is the grammar of a dependency string, which depends on the variable that
// holds it (PMS 8.2). PMS forbids || in RESTRICT and PROPERTIES, but Portage
// accepts it.
type DepKind uint8

const (
	DepAtoms DepKind = iota // DEPEND BDEPEND RDEPEND PDEPEND IDEPEND: atoms, ||
	DepNames                // LICENSE, RESTRICT, PROPERTIES: names, ||
)

// DepOp is the type of a node in a dependency tree.
type DepOp uint8

const (
	AllOf     DepOp = iota // ( ... ), and the root
	AnyOf                  // || ( ... )
	IfUSE                  // flag? ( ... )
	UnlessUSE              // !flag? ( ... )
	Item                   // an atom or a name
)

// Dep is a node in the tree of a dependency string. The root is an AllOf. The zero
// value is the tree of the empty string.
type Dep struct {
	Op DepOp
	// Text is the flag of IfUSE and UnlessUSE. For an Item it is the item in its
	// original notation, such as "GPL-2".
	Text string
	// Atom is the parsed Item of DepAtoms. It is nil for all other nodes.
	Atom *Atom
	// Children are the members of a group.
	Children []Dep

	// emptyIsMet marks an AnyOf of EAPI 6 or earlier. Such a group is satisfied if
	// USE leaves it without members (PMS 8.2.3).
	emptyIsMet bool
}

// DepError is a syntax error in a dependency string.
type DepError struct {
	Offset  int // of the token, in bytes
	Message string
}

func (e *DepError) Error() string {
	return fmt.Sprintf("dependency string: offset %d: %s", e.Offset, e.Message)
}

// ParseDep reads the value of one variable of a package of the given EAPI; "" means
// the newest. It returns a *[DepError] where Portage raises InvalidDependString and
// drops the package. An empty group is such an error. The tree shares the memory of
// s.
func ParseDep(s string, kind DepKind, eapi string) (Dep, error) {
	features, ok := featuresOf(eapi)
	if !ok {
		return Dep{}, &DepError{Message: fmt.Sprintf("unknown EAPI %s", quoted(eapi))}
	}
	if len(s) > MaxDepString {
		return Dep{}, &DepError{Offset: MaxDepString, Message: fmt.Sprintf("longer than %d bytes", MaxDepString)}
	}
	p := depParser{text: s, kind: kind, syntax: EbuildSyntax(eapi), features: features}
	children, err := p.members(0)
	if err != nil {
		return Dep{}, err
	}
	return Dep{Children: children}, nil
}

type depParser struct {
	text     string
	offset   int // offset of the next token to read
	kind     DepKind
	syntax   Syntax
	features features
}

// next returns the next token and its offset. The token is "" at the end.
func (p *depParser) next() (token string, offset int) {
	start := p.offset
	for start < len(p.text) && isSpace(p.text[start]) {
		start++
	}
	end := start
	for end < len(p.text) && !isSpace(p.text[end]) {
		end++
	}
	p.offset = end
	return p.text[start:end], start
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// members reads up to the parenthesis that closes the group, or to the end of the
// string if depth is 0.
func (p *depParser) members(depth int) ([]Dep, error) {
	if depth > MaxDepDepth {
		return nil, p.errorf(p.offset, "groups nest deeper than %d", MaxDepDepth)
	}
	var nodes []Dep
	for {
		token, offset := p.next()
		switch {
		case token == "" && depth == 0:
			return nodes, nil
		case token == "":
			return nil, p.errorf(offset, "a group is not closed")
		case token == ")" && depth == 0:
			return nil, p.errorf(offset, "a parenthesis closes nothing")
		case token == ")" && len(nodes) == 0:
			return nil, p.errorf(offset, "a group without members")
		case token == ")":
			return nodes, nil
		}
		node, err := p.node(token, offset)
		if err != nil {
			return nil, err
		}
		if token != "(" && node.Op != Item {
			if open, at := p.next(); open != "(" {
				return nil, p.errorf(at, "%s is not followed by a parenthesis", quoted(token))
			}
		}
		if node.Op != Item {
			if node.Children, err = p.members(depth + 1); err != nil {
				return nil, err
			}
		}
		nodes = append(nodes, node)
	}
}

// node returns the node that token begins, without its members.
func (p *depParser) node(token string, offset int) (Dep, error) {
	switch token {
	case "(":
		return Dep{Op: AllOf}, nil
	case "||":
		return Dep{Op: AnyOf, emptyIsMet: p.features.emptyAnyOf}, nil
	case "^^", "??": // of REQUIRED_USE
		return Dep{}, p.errorf(offset, "%s is not allowed here", token)
	}
	if flag, ok := strings.CutSuffix(token, "?"); ok {
		node := Dep{Op: IfUSE, Text: flag}
		if unless, ok := strings.CutPrefix(flag, "!"); ok {
			node.Op, node.Text = UnlessUSE, unless
		}
		if !validUSEFlag(node.Text) {
			return Dep{}, p.errorf(offset, "invalid USE flag in %s", quoted(token))
		}
		return node, nil
	}
	node := Dep{Op: Item, Text: token}
	switch p.kind {
	case DepAtoms:
		a, err := p.syntax.ParseAtom(token)
		if err != nil {
			return Dep{}, p.errorf(offset, "%v", err)
		}
		node.Atom = &a
	default:
		if !validName(token, inLabel) {
			return Dep{}, p.errorf(offset, "invalid name %s", quoted(token))
		}
	}
	return node, nil
}

func (p *depParser) errorf(offset int, format string, args ...any) error {
	return &DepError{Offset: offset, Message: fmt.Sprintf(format, args...)}
}

// Items calls yield with each Item of the tree, in the order of the text, until
// yield returns false. It includes the Items below conditionals.
func (d Dep) Items(yield func(Dep) bool) { d.items(yield) }

func (d *Dep) items(yield func(Dep) bool) bool {
	if d.Op == Item {
		return yield(*d)
	}
	for i := range d.Children {
		if !d.Children[i].items(yield) {
			return false
		}
	}
	return true
}

// String returns the dependency string with single spaces. It omits the parentheses
// of the root and of an AllOf that is the only member of its group.
func (d Dep) String() string {
	var b strings.Builder
	if d.Op == AllOf {
		writeDeps(&b, d.Children)
	} else {
		d.write(&b)
	}
	return b.String()
}

func writeDeps(b *strings.Builder, nodes []Dep) {
	for i := range nodes {
		if i > 0 {
			b.WriteByte(' ')
		}
		nodes[i].write(b)
	}
}

func (d *Dep) write(b *strings.Builder) {
	switch d.Op {
	case Item:
		b.WriteString(d.Text)
		return
	case IfUSE:
		b.WriteString(d.Text)
		b.WriteString("? ")
	case UnlessUSE:
		b.WriteByte('!')
		b.WriteString(d.Text)
		b.WriteString("? ")
	case AnyOf:
		b.WriteString("|| ")
	}
	if len(d.Children) == 0 {
		b.WriteString("( )")
		return
	}
	b.WriteString("( ")
	writeDeps(b, d.Children)
	b.WriteString(" )")
}
