package config

import (
	"slices"
	"strings"
)

// undeclaredLists warns about rules that may count on commas in a claim that is not
// known to be a list: there, they are part of the text.
func (l *linter) undeclaredLists(a *App) {
	i := slices.IndexFunc(a.Issuers, func(i *Issuer) bool { return !i.Foreign })
	if i < 0 {
		return
	}
	issuer := a.Issuers[i]
	read := issuer.PolicyFor(a.Policy)
	for n := range a.Policy.Rules {
		r := &a.Policy.Rules[n]
		for _, claim := range sortedKeys(r.Claims) {
			if read.Reading().IsList(claim) || !looksLikeList(claim) && !testedAsList(a, claim) {
				continue
			}
			l.warn(a.at.key("rule").index(n+1).key("claims").key(claim), LintUndeclaredList,
				`%q is taken as one text, commas and all, as people may write some claims themselves: if the identity provider writes a list, `+
					`declare it, list_claims = [%q] in [issuer.%s]`, claim, claim, issuer.Name)
		}
	}
}

// looksLikeList reports whether a claim is called by a plural, or as lists often are.
func looksLikeList(claim string) bool {
	name := strings.ToLower(claim[strings.LastIndexAny(claim, ".:/#")+1:])
	if slices.Contains([]string{"role", "group", "team", "scope", "scp", "permission", "entitlement", "tag", "org"}, name) {
		return true
	}
	return strings.HasSuffix(name, "s") && !strings.HasSuffix(name, "ss") && !strings.HasSuffix(name, "us") && !strings.HasSuffix(name, "is")
}

// testedAsList reports whether a test of the app has several values in a claim.
func testedAsList(a *App, claim string) bool {
	return slices.ContainsFunc(a.Tests, func(t Test) bool {
		value, _ := a.Person(t).Claim(claim)
		switch v := value.(type) {
		case []any:
			return len(v) > 0
		case string:
			return strings.Contains(v, ",")
		}
		return false
	})
}
