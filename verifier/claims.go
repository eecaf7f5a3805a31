package verifier

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// claims are the registered claims that Verify decides on, with types checked.
type claims struct {
	issuer    string
	audience  []string
	expires   time.Time
	issuedAt  time.Time // zero: absent
	notBefore time.Time // zero: absent
	principal *Principal
}

// decodeObject decodes one JSON object. It refuses duplicate names at any
// depth, invalid UTF-8 and trailing data: where two readers of one text could
// differ, there is no reading.
func decodeObject(data []byte) (map[string]any, error) {
	var members map[string]any
	if err := json.Unmarshal(data, &members); err != nil {
		// The library's message may quote the input; it stays here.
		return nil, errors.New("not one JSON object with distinct names in UTF-8")
	}
	if members == nil {
		return nil, errors.New("not a JSON object")
	}
	return members, nil
}

// known are the claims that some code reads. A name that equals one of them but
// for case is refused: some JSON readers match names without case, and an
// assertion must mean the same to all of them.
var known = [...]string{"iss", "aud", "exp", "nbf", "iat", "sub", "user", "email", "name", "groups", "sid", "jti"}

func parseClaims(payload []byte) (*claims, *Error) {
	members, err := decodeObject(payload)
	if err != nil {
		return nil, refuse(ReasonClaims, "payload: %w", err)
	}
	for name := range members {
		for _, k := range known {
			if name != k && len(name) == len(k) && strings.EqualFold(name, k) {
				return nil, refuse(ReasonClaims, "a claim differs from %q only by case", k)
			}
		}
	}
	r := claimReader{members: members}
	p := &Principal{
		Subject:   r.text("sub"),
		Email:     r.text("email"),
		Name:      r.text("name"),
		Groups:    r.list("groups"),
		SessionID: r.text("sid"),
		IssuedAt:  r.time("iat"),
		ExpiresAt: r.time("exp"),
		Claims:    members,
	}
	c := &claims{
		issuer:    r.text("iss"),
		audience:  r.textOrList("aud"),
		expires:   p.ExpiresAt,
		issuedAt:  p.IssuedAt,
		notBefore: r.time("nbf"),
		principal: p,
	}
	if r.err == nil {
		r.err = checkPerson(p, r.text("user"))
	}
	if r.err != nil {
		return nil, refuse(ReasonClaims, "%w", r.err)
	}
	return c, nil
}

// checkPerson refuses a subject or an email that code further on could read in
// two ways. An email with two "@" has been taken for another domain's more than
// once (CVE-2026-40574 for one).
func checkPerson(p *Principal, user string) error {
	if hasControl(p.Subject) {
		return errors.New("sub has control characters")
	}
	// Pomerium writes the subject twice; it never lets them differ.
	if user != "" && user != p.Subject {
		return errors.New("user differs from sub")
	}
	if p.Email == "" {
		return nil
	}
	local, domain, _ := strings.Cut(p.Email, "@")
	if local == "" || domain == "" || strings.Contains(domain, "@") {
		return errors.New("email is not of the form local@domain with one @")
	}
	if hasControl(p.Email) || strings.ContainsAny(p.Email, " ,;<>\"") {
		return errors.New("email has spaces, separators or control characters")
	}
	return nil
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || (0x7f <= r && r < 0xa0) })
}

// claimReader reads typed claims and keeps the first error.
type claimReader struct {
	members map[string]any
	err     error
}

func (r *claimReader) fail(name, want string) {
	if r.err == nil {
		r.err = fmt.Errorf("%s is not %s", name, want)
	}
}

// text reads a string; absent and null are "".
func (r *claimReader) text(name string) string {
	switch v := r.members[name].(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		r.fail(name, "a string")
		return ""
	}
}

// list reads an array of strings; absent and null (Pomerium v0.28) are empty.
// A string is not a list: splitting one has turned a group "a,admins" into two.
func (r *claimReader) list(name string) []string {
	switch v := r.members[name].(type) {
	case nil:
		return nil
	case []any:
		list := make([]string, len(v))
		for i, item := range v {
			text, ok := item.(string)
			if !ok {
				r.fail(name, "an array of strings")
				return nil
			}
			list[i] = text
		}
		return list
	default:
		r.fail(name, "an array of strings")
		return nil
	}
}

// textOrList reads a claim that RFC 7519 §4.1.3 lets be either.
func (r *claimReader) textOrList(name string) []string {
	if text, ok := r.members[name].(string); ok {
		return []string{text}
	}
	return r.list(name)
}

// lastSecond is the end of the year 9999, the last one that RFC 3339 can write.
const lastSecond = 253402300799

// time reads a NumericDate (RFC 7519 §2). Pomerium before v0.15 wrote
// fractions, before v0.23 exponents; both are numbers. Zero and negative times
// are refused: a library has taken "exp":0 for "never".
func (r *claimReader) time(name string) time.Time {
	v, present := r.members[name]
	if !present {
		return time.Time{}
	}
	seconds, ok := v.(float64)
	if !ok || !(seconds >= 1 && seconds <= lastSecond) { // also false for NaN
		r.fail(name, "a number of seconds since 1970")
		return time.Time{}
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)).UTC()
}
