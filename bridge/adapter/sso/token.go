package sso

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/jws"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

const (
	defaultIssuer   = "ssobridge"
	defaultLifetime = time.Minute
	minLifetime     = 10 * time.Second
	maxLifetime     = 3 * time.Minute // Metabase's and Zendesk's
	maxReturnTo     = 4 << 10
)

// token is what Metabase took over from Zendesk: a token under a shared secret
// (HS256), beside where in the app the person wants to go.
var token = protocol{
	returnPath: "/auth/sso", subject: "sub", required: []string{"email"},
	check: func(name string) string {
		switch {
		case slices.Contains([]string{"iss", "aud", "iat", "exp", "nbf", "jti"}, name):
			return "is for the bridge to set; issuer, audience and lifetime say how"
		case name == "" || value.HasControl(name):
			return "the name is empty or has control characters"
		}
		return ""
	},
	open: openToken,
}

func openToken(o *Options, secret string, env adapter.Env, back *url.URL, fail value.Fail) answerer {
	if !slices.Contains([]string{"", "address", "form"}, o.Send) {
		fail("send", `%q; choose "address" or "form"`, o.Send)
	}
	m := o.openMinter(secret, env, back, fail)
	if m == nil {
		return nil
	}
	m.form = o.Send == "form"
	return m.answer
}

// openMinter returns nil if there is nothing to sign with.
func (o *Options) openMinter(secret string, env adapter.Env, back *url.URL, fail value.Fail) *minter {
	if o.Lifetime != 0 && (o.Lifetime < minLifetime || o.Lifetime > maxLifetime) {
		fail("lifetime", `%s is not between 10 seconds and 3 minutes, which is how long apps take a token`, o.Lifetime)
	}
	for _, text := range []struct{ key, value string }{{"issuer", o.Issuer}, {"audience", o.Audience}} {
		if value.HasControl(text.value) || strings.TrimSpace(text.value) != text.value {
			fail(text.key, "has control characters, or white space around it")
		}
	}
	if !env.ReadSecrets {
		return nil
	}
	key, err := jws.FromSecret(secret)
	if err != nil {
		fail("secret", "%v", err)
		return nil
	}
	// As assertions are never signed with a shared secret, no typ is needed to tell
	// the two apart, and apps expect this one.
	signer, err := jws.NewSigner(key, "JWT")
	if err != nil {
		fail("secret", "%v", err)
		return nil
	}
	return &minter{
		signer: signer, address: back.String(), origin: back.Scheme + "://" + back.Host,
		issuer: cmp.Or(o.Issuer, defaultIssuer), audience: cmp.Or(o.Audience, env.App), lifetime: cmp.Or(o.Lifetime, defaultLifetime),
	}
}

// minter makes tokens for an app.
type minter struct {
	signer           *jws.Signer
	address, origin  string
	issuer, audience string
	lifetime         time.Duration
	form             bool // and no address
	bare             bool // exp is all that it says besides the fields
}

func (m *minter) answer(in *adapter.Input, query url.Values, all []said) (adapter.Output, error) {
	returnTo, err := m.returnTo(query)
	if err != nil {
		return adapter.Output{}, err
	}
	text, err := m.mint(in, all)
	if err != nil {
		return adapter.Output{}, err
	}
	if m.form {
		fields := map[string]string{"jwt": text}
		if returnTo != "" {
			fields["return_to"] = returnTo
		}
		return adapter.Output{Form: &adapter.Form{Action: m.address, Fields: fields}}, nil
	}
	address := m.address + "?jwt=" + text
	if returnTo != "" {
		address += "&return_to=" + url.QueryEscape(returnTo)
	}
	return adapter.Output{Redirect: address}, nil
}

// mint signs a token of what the fields say.
func (m *minter) mint(in *adapter.Input, all []said) (string, error) {
	ends := in.Time.Add(m.lifetime)
	if assertion := in.Principal.ExpiresAt; !assertion.IsZero() && assertion.Before(ends) {
		ends = assertion
	}
	if ends.Unix() <= in.Time.Unix() {
		return "", fmt.Errorf("%w: the assertion ends now, and a token must not outlive it", adapter.ErrUnsendable)
	}
	claims := map[string]any{"exp": ends.Unix()}
	if !m.bare {
		claims["iss"], claims["aud"], claims["iat"], claims["jti"] = m.issuer, m.audience, in.Time.Unix(), rand.Text()
	}
	for _, s := range all {
		claims[s.field.name] = s.claim()
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	text, err := m.signer.Sign(nil, payload)
	return string(text), err
}

func (s *said) claim() any {
	switch s.field.typ {
	case "list":
		return s.values
	case "bool":
		return s.values[0] == "true"
	default:
		return s.values[0]
	}
}

// returnTo returns where in the app the person wants to go; "": nowhere. Apps send
// people there, and not all of them look first.
func (m *minter) returnTo(query url.Values) (string, error) {
	if len(query["return_to"]) == 1 && query["return_to"][0] == "" || len(query["return_to"]) == 0 {
		return "", nil
	}
	to, err := one(query, "return_to", maxReturnTo)
	if err != nil {
		return "", err
	}
	// An address on the app's own host is a path behind its origin, letter by
	// letter: whoever parses it later may do so otherwise than we would.
	if !isPath(strings.TrimPrefix(to, m.origin)) {
		return "", bad("return_to is neither a path nor an address below %s/", m.origin)
	}
	return to, nil
}

// isPath reports whether a browser takes text for a path on the host that it is
// on. To browsers, a backslash is a slash, and tabs and line breaks are not there.
func isPath(text string) bool {
	if !strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") || value.HasControl(text) || strings.Contains(text, `\`) {
		return false
	}
	path, _, _ := strings.Cut(text, "?")
	path, _, _ = strings.Cut(path, "#")
	for segment := range strings.SplitSeq(path, "/") {
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case ".", "..": // "/..//evil.example" becomes "//evil.example"
			return false
		}
	}
	return true
}
