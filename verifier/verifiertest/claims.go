package verifiertest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"time"
)

// lifetime is what Pomerium gives every assertion, whatever the session has left.
const lifetime = 5 * time.Minute

// Claims says what an assertion shall say. The zero value of a field becomes
// what Pomerium would send; in particular, no Subject makes the assertion that
// Pomerium signs for an anonymous request on a public route.
type Claims struct {
	// Audience is "aud": the host of the route.
	Audience string
	// Issuer is "iss"; empty: the same as Audience, which is Pomerium's default.
	// The other form of Pomerium is "https://HOST/", with the slash.
	Issuer string
	// Subject is "sub", and "user", which always equals it.
	Subject string
	// Email, Name and SessionID ("sid") are sent even when empty.
	Email, Name, SessionID string
	// ID is "jti"; empty: a random UUID (version 4).
	ID string
	// Groups is "groups"; nil: an empty list.
	Groups []string
	// IssuedAt is "iat"; zero: now. Expires is "exp"; zero: five minutes after
	// IssuedAt. Both are sent as whole seconds.
	IssuedAt, Expires time.Time
	// Extra adds claims, or replaces any of the above. A json.RawMessage keeps its
	// spelling: 1.683061093e+09, which old versions of Pomerium sent, or 1e400.
	Extra map[string]any
	// Omit names claims to leave out, after everything else.
	Omit []string
}

// payload is the claims as Pomerium serialises them: sorted by key, no spaces,
// and "&", "<" and ">" escaped. All three come of encoding a map by
// encoding/json, which is what Pomerium does too.
func (c Claims) payload(now time.Time) ([]byte, error) {
	if c.Issuer == "" {
		c.Issuer = c.Audience
	}
	if c.ID == "" {
		c.ID = newID()
	}
	if c.Groups == nil {
		c.Groups = []string{}
	}
	if c.IssuedAt.IsZero() {
		c.IssuedAt = now
	}
	if c.Expires.IsZero() {
		c.Expires = c.IssuedAt.Add(lifetime)
	}
	claims := map[string]any{
		"aud":    c.Audience,
		"email":  c.Email,
		"exp":    c.Expires.Unix(),
		"groups": c.Groups,
		"iat":    c.IssuedAt.Unix(),
		"iss":    c.Issuer,
		"jti":    c.ID,
		"name":   c.Name,
		"sid":    c.SessionID,
		"sub":    c.Subject,
		"user":   c.Subject,
	}
	maps.Copy(claims, c.Extra)
	for _, name := range c.Omit {
		delete(claims, name)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return nil, fmt.Errorf("encoding claims: %w", err)
	}
	return payload, nil
}

// newID returns a random UUID, version 4 (RFC 9562, section 5.4).
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
