package mapping

import (
	"errors"
	"strings"
	"unicode"
)

// emailPattern matches whole email addresses. "*" stands for any run of
// characters on its own side of the "@", so that "*@example.com" can never
// match an address of another domain.
type emailPattern struct {
	written       string
	local, domain string
}

func parseEmailPattern(written string) (emailPattern, error) {
	if written == "*" {
		return emailPattern{written, "*", "*"}, nil
	}
	local, domain, found := strings.Cut(written, "@")
	switch {
	case strings.ContainsFunc(written, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",;", r) }):
		return emailPattern{}, errors.New("has spaces or separators, which no email has; write each address as an item of its own")
	case !found || strings.Contains(domain, "@"):
		return emailPattern{}, errors.New(`is no email address or pattern; write "ann@example.com", "*@example.com", or "*" for every address`)
	case domain == "":
		return emailPattern{}, errors.New(`has nothing after the "@"`)
	case local == "":
		return emailPattern{}, errors.New(`has nothing before the "@"; write "*` + written + `" for everybody in the domain`)
	}
	return emailPattern{written, local, domain}, nil
}

func (e emailPattern) isPattern() bool { return isPattern(e.written) }

func isPattern(s string) bool { return strings.Contains(s, "*") }

// matches never matches an empty email: nobody's address is nobody. Nor does it
// match one with two "@", of which a "*" could cover the domain that counts.
func (e emailPattern) matches(email string) bool {
	local, domain, _ := strings.Cut(email, "@")
	return local != "" && domain != "" && !strings.Contains(domain, "@") &&
		matchPattern(e.local, local) && matchPattern(e.domain, domain)
}

// matchPattern reports whether "*", standing for any run of bytes, makes pattern
// into s. It takes time proportional to len(pattern) × len(s) at worst.
func matchPattern(pattern, s string) bool {
	var p, i int
	star, retry := -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, retry = p, i
			p++
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0:
			retry++
			p, i = star+1, retry
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
