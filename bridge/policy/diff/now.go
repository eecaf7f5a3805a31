package policydiff

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/mapping"
)

var (
	wordNow = regexp.MustCompile(`\bnow\b`)
	// plainNow is a comparison of now with a written time that is an operand of
	// nothing but logic, so that it can only change at that time.
	plainNow = func() *regexp.Regexp {
		const compared, written = `\s*(?:<=?|>=?|==|!=)\s*`, `timestamp\(\s*["']([^"'\\]+)["']\s*\)`
		return regexp.MustCompile(`(^|&&|\|\||[!?:(])\s*(?:now` + compared + written + `|` + written + compared + `now)\s*($|&&|\|\||[?:)])`)
	}()
)

// unclearNow reports whether an expression uses now in a form of which momentsOf
// may not know when it changes, such as now > timestamp("...") + duration("87600h").
// In doubt it does.
func unclearNow(when string) bool {
	if strings.Contains(when, "//") {
		return wordNow.MatchString(when) // a comment may hold what seems to stand around it
	}
	for {
		m := plainNow.FindStringSubmatchIndex(when)
		if m == nil {
			return wordNow.MatchString(when)
		}
		from, to := m[4], m[5]
		if from < 0 {
			from, to = m[6], m[7]
		}
		if _, err := time.Parse(time.RFC3339, when[from:to]); err != nil {
			return true
		}
		// What stands around it may stand around another one.
		when = when[:m[3]] + " true " + when[m[8]:]
	}
}

// noteTimes says, if rules differ, which depend on the time in a way that is not
// understood: about nobody is it known what they decide later. Rules that both
// policies have are no exception: what now comes before or after them may differ
// only then.
func (v *view) noteTimes() {
	if v.sameRules || v.status != Same {
		return
	}
	oldMoved, _ := align(&v.old.policy, &v.new.policy)
	v.noteRules(oldMoved, allTrue(len(v.new.policy.Rules)), func(_, _ int, r *mapping.Rule) string {
		if !unclearNow(r.When) {
			return ""
		}
		return `compares "now" otherwise than with a written time, so it may decide otherwise at times that were not looked at`
	})
}

// mostNotes bounds the notes of one kind.
const mostNotes = 20

// noteRules notes what there is to say of some rules.
func (v *view) noteRules(oldOnes, newOnes []bool, say func(side, index int, r *mapping.Rule) string) {
	noted := 0
	for side, some := range [][]bool{oldOnes, newOnes} {
		rules := [][]mapping.Rule{v.old.policy.Rules, v.new.policy.Rules}[side]
		for i := range rules {
			if !some[i] {
				continue
			}
			text := say(side, i, &rules[i])
			if text == "" {
				continue
			}
			if noted++; noted <= mostNotes {
				v.notes = append(v.notes, Note{Place: fmt.Sprintf("rule[%d] at %s", i+1, rules[i].Source), Text: text})
			}
		}
	}
	if more := noted - mostNotes; more > 0 {
		v.notes = append(v.notes, Note{Text: fmt.Sprintf("the same of %d more such rules", more)})
	}
}
