package look

import (
	"bytes"
	"errors"
	"fmt"

	"emaudit/parse/atom"
	"emaudit/parse/mergelist"
)

// The commands that emerge --pretend answers after the plan. Without
// --ignore-default-opts, EMERGE_DEFAULT_OPTS could change the format of the answer.
var (
	AskRebuild  = []string{"emerge", "--ignore-default-opts", "--color=n", "--pretend", "@preserved-rebuild"}
	AskDepclean = []string{"emerge", "--ignore-default-opts", "--color=n", "--pretend", "--depclean"}
	AskUpdate   = []string{"emerge", "--ignore-default-opts", "--color=n", "--pretend", "--update", "--deep", "--newuse", "@world"}
)

// Answers are the answers of emerge.
type Answers struct {
	Rebuild, Depclean, Update Answer
	// Due is the answer to AskDepclean before the plan.
	Due Answer
}

// Answer is the output of emerge.
type Answer struct {
	Output []byte
	// Err is the reason why there is no answer, for example the exit status.
	Err error
}

// errNotAsked is the error of the zero Answer.
var errNotAsked = errors.New("emerge was not asked")

func (a Answer) err() error {
	if a.Err == nil && a.Output == nil {
		return errNotAsked
	}
	return a.Err
}

// next reports what the next update would do at once. A change of a package of the
// plan is a difference, because it would undo the rollback. Everything else was due
// before, too.
func (l *looker) next() {
	touched := l.touched()
	for _, q := range []struct {
		kind     Kind
		question string
		answer   Answer
		always   bool // a difference for any package
	}{
		{NextRebuild, "emerge --pretend @preserved-rebuild", l.Answers.Rebuild, true},
		{NextUpdate, "emerge --pretend --update --deep --newuse @world", l.Answers.Update, false},
	} {
		if err := q.answer.err(); err != nil {
			l.unread(q.question, err)
			continue
		}
		list, err := mergelist.ReadPretend(bytes.NewReader(q.answer.Output))
		if err == nil && len(list.NotUnderstood) > 0 {
			err = fmt.Errorf("%d lines of its answer are not understood", len(list.NotUnderstood))
		}
		if err != nil {
			l.unread(q.question, err)
		}
		for _, item := range list.Items {
			l.say(q.kind, item.CPV, !q.always && !touched[packageOf(item.CPV)], "%s would merge it", q.question)
		}
	}
	const question = "emerge --pretend --depclean"
	cpvs, err := l.Answers.Depclean.removed()
	if err != nil {
		l.unread(question, err)
	}
	// A removal that was due before the plan is not caused by it. Without an answer,
	// nothing was due.
	due := map[string]bool{}
	before, _ := l.Answers.Due.removed()
	for _, cpv := range before {
		due[packageOf(cpv)+":"+l.before[cpv].Slot] = true
	}
	for _, cpv := range cpvs {
		expected := !touched[packageOf(cpv)] || due[packageOf(cpv)+":"+l.after[cpv].Slot]
		l.say(NextDepclean, cpv, expected, "%s would remove it", question)
	}
}

// removed returns what --depclean would remove. It exits with 1 if there is nothing
// to remove (actions.py, calc_depclean), so its output counts despite that.
func (a Answer) removed() ([]string, error) {
	list, err := mergelist.ReadRemoval(bytes.NewReader(a.Output))
	switch {
	case err != nil:
	case !list.Complete && a.err() != nil:
		err = a.err()
	case !list.Complete:
		err = errors.New("emerge did not finish its answer")
	case list.NotUnderstood > 0:
		err = fmt.Errorf("%d words of its answer are not understood", list.NotUnderstood)
	}
	return list.CPVs, err
}

// touched returns the packages (category/name) that the plan changes.
func (l *looker) touched() map[string]bool {
	all := map[string]bool{}
	for _, b := range l.Plan.Merges {
		all[packageOf(b.CPV)] = true
	}
	for _, cpv := range l.Plan.Removes {
		all[packageOf(cpv)] = true
	}
	return all
}

func packageOf(cpv string) string {
	c, err := atom.ParseCPV(cpv)
	if err != nil {
		return cpv
	}
	return c.CP()
}
