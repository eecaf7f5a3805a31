package verifier

import "time"

// Principal is a verified person: what one assertion says about them, after
// every check has passed. It is read-only; the bridge shares it between the
// mapping and the adapter of one request.
type Principal struct {
	// Subject is the "sub" claim, never empty. Identity providers promise that
	// it stays the same for one person; email addresses do not.
	Subject string
	// Email is the "email" claim: empty, or text with exactly one "@" and
	// neither spaces, separators nor invisible characters.
	Email string
	// Name is the "name" claim, a display name; may be empty.
	Name string
	// Groups is the "groups" claim: exact strings, in the order given, never
	// split and never folded. With Pomerium's directory sync it holds group IDs
	// first and group names after them.
	Groups []string
	// IssuedAt is the "iat" claim, zero when there is none. Pomerium before
	// v0.27 set it to the time of login, which may be hours ago.
	IssuedAt time.Time
	// ExpiresAt is the "exp" claim.
	ExpiresAt time.Time
	// SessionID is the "sid" claim; under impersonation it names the session of
	// the real person, not of the subject.
	SessionID string
	// Claims holds every claim as JSON decodes it: string, bool, float64, nil,
	// []any or map[string]any. Pomerium flattens nested claims into dotted keys
	// ("resource_access.app.roles") and joins their lists with commas.
	Claims map[string]any
}

// Claim returns the value of a claim by its name. "a.b.c" is the claim of that
// name, as Pomerium writes nested claims, or else what {"a": {"b": {"c": …}}}
// holds, as OpenID providers do. The value is one of those in Claims.
func (p *Principal) Claim(name string) (value any, ok bool) {
	return claimAt(p.Claims, name)
}

func claimAt(claims map[string]any, name string) (value any, ok bool) {
	if value, ok = claims[name]; ok {
		return value, true
	}
	for i := range len(name) {
		if name[i] != '.' {
			continue
		}
		if inner, isObject := claims[name[:i]].(map[string]any); isObject {
			if value, ok = claimAt(inner, name[i+1:]); ok {
				return value, true
			}
		}
	}
	return nil, false
}
