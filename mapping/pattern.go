package mapping

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

func isPattern(s string) bool { return strings.Contains(s, "*") }

// checkEmail says what is wrong with an email or a pattern of emails.
func checkEmail(written string) error {
	if written == "*" {
		return nil
	}
	local, domain, found := strings.Cut(written, "@")
	switch {
	case strings.ContainsFunc(written, isSeparator):
		return errors.New("has spaces or separators, which no email has: write each address as an item of its own")
	case !found || strings.Contains(domain, "@"):
		return errors.New(`is no email address or pattern: write "ann@example.com", "*@example.com", or "*" for every address`)
	case domain == "":
		return errors.New(`has nothing after the "@": write an address such as "ann@example.com"`)
	case local == "" && !strings.Contains(domain, "."):
		return errors.New(`has nothing before the "@": a group list goes into groups, not emails`)
	case local == "":
		return errors.New(`has nothing before the "@": write "*` + written + `" for everybody in the domain`)
	}
	return nil
}

// checkDomain says what is wrong with a domain or a pattern of domains.
func checkDomain(written string) error {
	_, domain, isEmail := strings.Cut(written, "@")
	switch {
	case isEmail && domain != "" && !strings.Contains(domain, "@"):
		return errors.New(`has an "@": write the domain alone, "` + domain + `"`)
	case strings.ContainsFunc(written, isSeparator):
		return errors.New("has spaces or separators, which no domain has: write each as an item of its own")
	case isEmail || strings.ContainsAny(written, ":/"):
		return errors.New(`is no domain: write one such as "example.com"`)
	case strings.HasPrefix(written, "."):
		return errors.New(`begins with a dot: write "*` + written + `" for the domains below it`)
	case strings.HasSuffix(written, "."):
		return errors.New(`ends in a dot, which the domain of an email does not: write "` + strings.TrimRight(written, ".") + `"`)
	}
	return nil
}

// checkTightEmail and checkTightDomain also refuse patterns that match domains
// which anybody may register, where whoever matches gains something by it. Where
// a rule only keeps more people out by them, they are fine.
func checkTightEmail(written string) error {
	if err := checkEmail(written); err != nil {
		return err
	}
	local, domain, _ := strings.Cut(written, "@")
	return checkTight(local+"@", domain)
}

func checkTightDomain(written string) error {
	if err := checkDomain(written); err != nil {
		return err
	}
	return checkTight("", written)
}

// checkTight wants a domain's pattern to be "*" or to end in a dot and domains
// that it names; before is what stands before it in a pattern of emails.
func checkTight(before, domain string) error {
	last := strings.LastIndexByte(domain, '*')
	fixed := domain[last+1:]
	switch {
	case last < 0 || strings.HasPrefix(fixed, ".") || strings.Trim(domain, "*") == "":
		return nil
	case strings.Trim(domain, "*.") == "":
		return fmt.Errorf("matches every domain: write %q", before+"*")
	case fixed == "":
		return fmt.Errorf("also matches %s: write its domains out, each as an item of its own",
			strings.ReplaceAll(strings.TrimSuffix(strings.ReplaceAll(domain, "*", "x"), "x")+".evil.example", "..", "."))
	}
	return fmt.Errorf("also matches %s: write %q, %q or both", strings.ReplaceAll(domain, "*", "evil"), before+fixed, before+"*."+fixed)
}

func isSeparator(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",;", r) }

// splitEmail returns the two parts of an email; ok is false for text that is
// none: an empty part, or a second "@", of which a "*" could cover the domain
// that counts.
func splitEmail(email string) (local, domain string, ok bool) {
	local, domain, _ = strings.Cut(email, "@")
	return local, domain, local != "" && domain != "" && !strings.Contains(domain, "@")
}

// matchEmail is matchPattern with a "*" on each side of the "@" for that side
// only, so that "*@example.com" can never match an address of another domain.
func matchEmail(pattern, email string) bool {
	if pattern == "*" {
		return true
	}
	local, domain, _ := strings.Cut(email, "@")
	localPattern, domainPattern, _ := strings.Cut(pattern, "@")
	return matchPattern(localPattern, local) && matchPattern(domainPattern, domain)
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
