package verifier

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

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
	var value any // quicker than a map: the library has a path for it
	if err := json.Unmarshal(data, &value); err != nil {
		// The library's message may quote the input; it stays here.
		return nil, errors.New("not one JSON text with distinct names in UTF-8")
	}
	members, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("not a JSON object")
	}
	return members, nil
}

// known are the claims that some code reads. A name that equals one of them but
// for case is refused: some JSON readers match names without case, and an
// assertion must mean the same to all of them.
var known = [...]string{"iss", "aud", "exp", "nbf", "iat", "sub", "user", "email", "name", "groups", "sid", "jti"}

func parseClaims(payload []byte) (*claims, *Error) {
	c, refusal := readClaims(payload)
	if refusal != nil {
		return nil, refusal
	}
	// Pomerium writes the subject twice; it never lets them differ.
	if user, present := c.principal.Claims["user"]; present && user != any(c.principal.Subject) {
		return nil, refuse(ReasonClaims, "user differs from sub")
	}
	return c, nil
}

// readClaims is parseClaims without what only Pomerium promises.
func readClaims(payload []byte) (*claims, *Error) {
	members, err := decodeObject(payload)
	if err != nil {
		return nil, refuse(ReasonClaims, "payload: %w", err)
	}
	for name := range members {
		if isCaseVariant(name, known[:]) {
			return nil, refuse(ReasonClaims, "a claim's name differs from a known one only by case")
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
	if r.err != nil {
		return nil, refuse(ReasonClaims, "%w", r.err)
	}
	if err := checkPerson(p); err != nil {
		return nil, refuse(ReasonClaims, "%w", err)
	}
	return c, nil
}

// isCaseVariant folds as encoding/json does, by Unicode: "\u017fub", with a long
// s, is "sub" to it.
func isCaseVariant(name string, of []string) bool {
	return !slices.Contains(of, name) &&
		slices.ContainsFunc(of, func(k string) bool { return strings.EqualFold(name, k) })
}

// checkPerson refuses a subject or an email that code further on could read in
// two ways. An email with two "@" has been taken for another domain's more than
// once (CVE-2026-40574 for one).
func checkPerson(p *Principal) error {
	if hasControl(p.Subject) {
		return errors.New("sub has control characters")
	}
	if p.Email == "" {
		return nil
	}
	if err := CheckEmail(p.Email); err != nil {
		return fmt.Errorf("email %w", err)
	}
	return nil
}

// CheckEmail says why no [Principal] can have an email, if that is so. Its error
// does not repeat the email.
func CheckEmail(email string) error {
	local, domain, _ := strings.Cut(email, "@")
	if local == "" || domain == "" || strings.Contains(domain, "@") {
		return errors.New("is not of the form local@domain with one @")
	}
	if strings.ContainsFunc(email, notInEmail) {
		return errors.New("has spaces, separators or invisible characters")
	}
	// The same domain to DNS, and another to whoever compares.
	if strings.HasPrefix(domain, ".") || strings.HasSuffix(domain, ".") {
		return errors.New("has a domain that begins or ends with a dot")
	}
	return nil
}

// notInEmail is true of what would make two addresses of one, or make two that
// differ look the same: separators, every space, controls, and format
// characters such as U+200B and U+202E.
func notInEmail(r rune) bool {
	return strings.ContainsRune(" ,;<>\"", r) || !unicode.IsPrint(r)
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
