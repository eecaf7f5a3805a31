package mapping

import (
	"math"
	"strconv"
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
	// matched is room for Mapper.all.
	matched []int32
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
		for value := range claimValues(p, k) {
			k.find(value, found)
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
	x.p, x.at, x.names, x.tried, x.matched = nil, time.Time{}, x.names[:0], x.tried[:0], x.matched[:0]
}

// claimValues yields what a claim is matched by; see [Rule.Claims].
func claimValues(p *verifier.Principal, k *kind) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		value, _ := p.Claim(k.claim)
		switch v := value.(type) {
		case string:
			if v == "" || !yield(v) || !k.joined || !strings.Contains(v, ",") {
				return
			}
			for item := range strings.SplitSeq(v, ",") {
				if item != "" && !yield(item) {
					return
				}
			}
		case []any:
			for _, item := range v {
				if text := scalar(item); text != "" && !yield(text) {
					return
				}
			}
		default:
			if text := scalar(v); text != "" {
				yield(text)
			}
		}
	}
}

// maxNumber is from where on several whole numbers become one float64: of two
// organisations, either could be meant.
const maxNumber = 1 << 53

// scalar writes a claim's value as rules do; empty if they cannot.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		if math.Abs(v) >= maxNumber {
			return ""
		}
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}
