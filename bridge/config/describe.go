package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/verifier"
)

// UnknownSubject is the subject of somebody who is described without one: a real
// one is never empty, so rules for any subject hold, and those for one do not.
const UnknownSubject = "subject-not-given"

// Describe returns p, somebody whom people describe instead of showing an
// assertion, as an assertion of i for the app would present them, so that rules
// answer as they do for a request: with the claims that every assertion has, in
// the form in which i writes claims, and without an email that the verifier would
// drop. It does not change p.
func (a *App) Describe(i *Issuer, p *verifier.Principal) *verifier.Principal {
	described := *p
	described.Claims = make(map[string]any, len(p.Claims)+7)
	switch {
	case i.DiscoveryURL != "":
		maps.Copy(described.Claims, p.Claims)
		if verified, said := p.Claims["email_verified"]; said && verified != true && verified != "true" {
			described.Email = ""
		} else if p.Email != "" {
			described.Claims["email_verified"] = true
		}
		describeIn(described.Claims, &described, false)
	case i.Foreign:
		maps.Copy(described.Claims, p.Claims)
		describeIn(described.Claims, &described, false)
	default:
		flatten(described.Claims, "", p.Claims)
		describeIn(described.Claims, &described, true)
		described.Claims["user"] = p.Subject
	}
	if name, ok := described.Claims["name"].(string); ok {
		described.Name = name
	}
	described.Claims["iss"], described.Claims["aud"] = i.ExpectedIssuer(a.Host), a.AudienceOf(i)
	return &described
}

// describeIn sets the claims that say who p is; those that are empty, too, if
// their issuer writes them.
func describeIn(claims map[string]any, p *verifier.Principal, empty bool) {
	claims["sub"] = p.Subject
	if empty || p.Email != "" {
		claims["email"] = p.Email
	}
	if _, said := claims["name"]; !said && (empty || p.Name != "") {
		claims["name"] = p.Name
	}
	if empty || len(p.Groups) > 0 {
		groups := make([]any, len(p.Groups))
		for n, group := range p.Groups {
			groups[n] = group
		}
		claims["groups"] = groups
	}
}

// flatten writes claims as Pomerium does (pkg/identity/claims.go): objects become
// dotted names, and everything else text, lists with commas between their items.
// A rule that compares a claim with true, which no such assertion ever is, must
// not pass a policy test.
func flatten(into map[string]any, prefix string, claims map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		switch v := claims[name].(type) {
		case map[string]any:
			flatten(into, prefix+name+".", v)
		case []any:
			var items []string
			for _, item := range v {
				if text, ok := claimText(item); ok {
					items = append(items, text)
				}
			}
			into[prefix+name] = strings.Join(items, ",")
		default:
			if text, ok := claimText(v); ok {
				into[prefix+name] = text
			}
		}
	}
}

// claimText is a scalar as Pomerium writes it; numbers are float64 to it, and
// 1234567 becomes 1.234567e+06.
func claimText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool, float64:
		return fmt.Sprint(v), true
	}
	return "", false
}
