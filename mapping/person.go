package mapping

import (
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
)

// person is one principal as rules ask about them. It is pooled: nothing of one
// person may be left when the next comes, which is forget's to see to.
type person struct {
	p     *verifier.Principal
	at    time.Time
	names []int32  // those that the person meets, each once
	has   []uint64 // the same as bits
	// answers are those of expressions, which so are evaluated once for each
	// person, however many rules and names lead to them.
	answers map[*expression]answer
	// tried are the rules that have been asked, and asked the same as bits: a
	// rule that names thousands of the person's groups is asked once.
	tried []int32
	asked []uint64
	// matched is room for Mapper.all, later for Mapper.first.
	matched, later []int32
	// spent is what expressions have cost; exhausted: more than they may.
	spent     uint64
	exhausted bool
}

// untried reports whether rule i has not been asked yet, and notes that it has.
func (x *person) untried(i int32) bool {
	if x.asked[i>>6]&(1<<(i&63)) != 0 {
		return false
	}
	x.asked[i>>6] |= 1 << (i & 63)
	x.tried = append(x.tried, i)
	return true
}

// meet finds the names that p meets.
func (m *Mapper) meet(p *verifier.Principal, at time.Time) *person {
	x := m.people.Get().(*person) //nolint:forcetypeassert // newMapper
	x.p, x.at = p, at
	found := func(n int32) { m.add(x, n) }
	if !m.groups.empty() {
		for _, group := range p.Groups {
			if group != "" {
				m.groups.find(group, found)
			}
		}
	}
	if _, domain, ok := splitEmail(p.Email); ok {
		m.emails.find(p.Email, found)
		m.domains.find(domain, found)
	}
	if p.Subject != "" {
		m.subjects.find(p.Subject, found)
	}
	for _, k := range m.claims {
		for _, value := range m.claimValues(p, k) {
			k.find(value, found)
		}
		for _, value := range m.deniedItems(p, k) {
			k.denials.findOwn(value, found)
		}
	}
	return x
}

// add notes a name and the lists that it is in.
func (m *Mapper) add(x *person, n int32) {
	if x.meets(n) {
		return
	}
	x.has[n>>6] |= 1 << (n & 63)
	x.names = append(x.names, n)
	for _, list := range m.names[n].lists {
		m.add(x, list)
	}
}

func (x *person) meets(n int32) bool { return x.has[n>>6]&(1<<(n&63)) != 0 }

// forget makes x fit for another person, of whom nothing may be left over from
// this one.
func (x *person) forget() {
	for _, n := range x.names {
		x.has[n>>6] = 0
	}
	for _, i := range x.tried {
		x.asked[i>>6] = 0
	}
	clear(x.answers)
	x.p, x.at, x.names, x.tried, x.matched, x.later = nil, time.Time{}, x.names[:0], x.tried[:0], x.matched[:0], x.later[:0]
	x.spent, x.exhausted = 0, false
}

// claimValues returns what a claim is matched by; see [Rule.Claims].
func (m *Mapper) claimValues(p *verifier.Principal, k *kind) []string {
	value, _ := p.Claim(k.claim)
	items, _ := m.reading.Items(k.claim, value) // no rule asks for the rest
	text, isText := value.(string)
	if !isText || !strings.Contains(text, ",") {
		return items
	}
	if len(items) != 1 || items[0] != text {
		return append([]string{text}, items...)
	}
	return items
}

// deniedItems returns what else of a claim's text keeps people out: what stands between
// commas, whatever the claim, as it may be a list all the same.
func (m *Mapper) deniedItems(p *verifier.Principal, k *kind) []string {
	if k.denials == nil || !m.reading.Joined || m.reading.IsList(k.claim) || !mayBeJoined(k.claim) {
		return nil
	}
	value, _ := p.Claim(k.claim)
	if text, isText := value.(string); isText && strings.Contains(text, ",") {
		return slices.DeleteFunc(strings.Split(text, ","), func(item string) bool { return item == "" })
	}
	return nil
}
