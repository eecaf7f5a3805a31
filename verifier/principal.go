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
