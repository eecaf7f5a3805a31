package verifier_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

func TestVerifyReturnsThePrincipal(t *testing.T) {
	for algorithm, options := range map[string][]verifiertest.Option{
		verifier.ES256: nil,
		verifier.RS256: {verifiertest.RSA()},
	} {
		t.Run(algorithm, func(t *testing.T) {
			issuer := newIssuer(t, options...)
			v := newVerifier(t, issuer, verifier.Options{Algorithms: []string{algorithm}})
			got, err := v.Verify(t.Context(), issuer.Assertion(ann()))
			if err != nil {
				t.Fatal(err)
			}
			want := &verifier.Principal{
				Subject:   "google-oauth2|104583909997507305030",
				Email:     "ann@example.com",
				Name:      "Ann",
				Groups:    []string{"g1", "g2", "GROUP1", "GROUP2"},
				IssuedAt:  now(),
				ExpiresAt: now().Add(5 * time.Minute),
				SessionID: "8b05c98c-a488-4e54-88c4-fea3a1365fa7",
				Claims: map[string]any{
					"aud": host, "iss": host, "email": "ann@example.com", "name": "Ann",
					"exp": 1686870980.0, "iat": 1686870680.0,
					"groups": []any{"g1", "g2", "GROUP1", "GROUP2"},
					"jti":    "0b0a7a5e-6d3c-4c1c-9d57-0e7e1c9b6a54",
					"sid":    "8b05c98c-a488-4e54-88c4-fea3a1365fa7",
					"sub":    "google-oauth2|104583909997507305030",
					"user":   "google-oauth2|104583909997507305030",
				},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("principal (-want +got):\n%s", diff)
			}
		})
	}
}

// TestVerifyAccepts has what Pomerium's versions and settings really send.
func TestVerifyAccepts(t *testing.T) {
	type options = verifier.Options
	for name, tt := range map[string]struct {
		change func(c *verifiertest.Claims)
		o      options
		check  func(p *verifier.Principal) bool
	}{
		"issuer in URI form, when so configured": {
			change: func(c *verifiertest.Claims) { c.Issuer = "https://grafana.example.com/" },
			o:      options{Issuer: "https://grafana.example.com/"},
		},
		"any one of several audiences": {
			o: options{Audience: []string{"other.example.com", host}},
		},
		"a list of audiences with the right one in it": {
			change: func(c *verifiertest.Claims) { c.Extra = map[string]any{"aud": []string{"other.example.com", host}} },
		},
		"a host that the client spelt in capitals": {
			change: func(c *verifiertest.Claims) { c.Audience = "Grafana.EXAMPLE.com" },
		},
		"no groups": {
			change: func(c *verifiertest.Claims) { c.Groups = nil },
			check:  func(p *verifier.Principal) bool { return len(p.Groups) == 0 },
		},
		"groups null, from v0.28": {
			change: func(c *verifiertest.Claims) { c.Extra = map[string]any{"groups": nil} },
			check:  func(p *verifier.Principal) bool { return len(p.Groups) == 0 },
		},
		"groups absent": {
			change: func(c *verifiertest.Claims) { c.Omit = []string{"groups"} },
			check:  func(p *verifier.Principal) bool { return len(p.Groups) == 0 },
		},
		"groups with commas, pipes, quotes and white space, each one group": {
			change: func(c *verifiertest.Claims) { c.Groups = []string{"a,admins", "a|admin", `"`, " x ", "", "ä"} },
			check: func(p *verifier.Principal) bool {
				return slices.Equal(p.Groups, []string{"a,admins", "a|admin", `"`, " x ", "", "ä"})
			},
		},
		"1,000 groups, with IDs and names": {
			change: func(c *verifiertest.Claims) { c.Groups = directoryGroups(1000) },
			check:  func(p *verifier.Principal) bool { return slices.Equal(p.Groups, directoryGroups(1000)) },
		},
		"times as exponents, from before v0.23": {
			change: func(c *verifiertest.Claims) {
				c.Extra = map[string]any{"exp": json.RawMessage("1.68687098e+09"), "iat": json.RawMessage("1.68687068E9")}
			},
			check: func(p *verifier.Principal) bool { return p.ExpiresAt.Equal(now().Add(5 * time.Minute)) },
		},
		"times with fractions, from before v0.15": {
			change: func(c *verifiertest.Claims) { c.Extra = map[string]any{"exp": json.RawMessage("1686870980.25")} },
			check: func(p *verifier.Principal) bool {
				return p.ExpiresAt.Equal(now().Add(5*time.Minute + 250*time.Millisecond))
			},
		},
		"iat of a login hours ago and jti of the session, from before v0.27": {
			change: func(c *verifiertest.Claims) {
				c.IssuedAt, c.Expires, c.ID = now().Add(-9*time.Hour), now().Add(5*time.Minute), c.SessionID
			},
			check: func(p *verifier.Principal) bool { return p.IssuedAt.Equal(now().Add(-9 * time.Hour)) },
		},
		"no iat": {
			change: func(c *verifiertest.Claims) { c.Omit = []string{"iat"} },
			check:  func(p *verifier.Principal) bool { return p.IssuedAt.IsZero() },
		},
		"nbf in the past": {
			change: func(c *verifiertest.Claims) { c.Extra = map[string]any{"nbf": now().Unix() - 1} },
		},
		"unknown claims, dotted, joined by commas, of any type": {
			change: func(c *verifiertest.Claims) {
				c.Extra = map[string]any{"resource_access.app.roles": "admin,viewer", "Zone": "eu", "nested": map[string]any{"sub": []int{1}}}
			},
			check: func(p *verifier.Principal) bool {
				return p.Claims["resource_access.app.roles"] == "admin,viewer" && p.Claims["Zone"] == "eu"
			},
		},
		"no name, no email, as of a service account": {
			change: func(c *verifiertest.Claims) { c.Name, c.Email = "", "" },
			check:  func(p *verifier.Principal) bool { return p.Name == "" && p.Email == "" && p.Subject != "" },
		},
		"name and email absent, user too": {
			change: func(c *verifiertest.Claims) { c.Omit = []string{"name", "email", "user", "sid", "jti"} },
		},
		"a name that is escaped, and not ASCII": {
			change: func(c *verifiertest.Claims) { c.Name = "Ål & <b>\u2028" },
			check:  func(p *verifier.Principal) bool { return p.Name == "Ål & <b>\u2028" },
		},
		"an email that is not ASCII": {
			change: func(c *verifiertest.Claims) { c.Email = "jürgen@müller.example" },
		},
		"a long life": {
			change: func(c *verifiertest.Claims) { c.Expires = now().Add(24 * time.Hour) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			issuer, c := newIssuer(t), ann()
			if tt.change != nil {
				tt.change(&c)
			}
			if c.Issuer == "" {
				c.Issuer = host
			}
			p, err := newVerifier(t, issuer, tt.o).Verify(t.Context(), issuer.Assertion(c))
			if err != nil {
				t.Fatal(err)
			}
			if tt.check != nil && !tt.check(p) {
				t.Errorf("got %+v", p)
			}
		})
	}
}

// TestVerifyAcceptsHeaders: what a signer other than Pomerium may write.
func TestVerifyAcceptsHeaders(t *testing.T) {
	issuer := newIssuer(t)
	v := newVerifier(t, issuer, verifier.Options{})
	_, payload, _ := decodeParts(t, issuer.Assertion(ann()))
	for name, header := range map[string]string{
		"other order and white space":        "{ \"typ\":\"JWT\",\r\n \"kid\":\"KID\", \"alg\" : \"ES256\"}",
		"no typ":                             `{"alg":"ES256","kid":"KID"}`,
		"no kid, where there is one key":     `{"alg":"ES256","typ":"JWT"}`,
		"kid and alg escaped, the same text": `{"\u0061lg":"\u0045S256","kid":"KID"}`,
	} {
		t.Run(name, func(t *testing.T) {
			header = strings.ReplaceAll(header, "KID", issuer.KeyID())
			if _, err := v.Verify(t.Context(), issuer.Sign([]byte(header), payload)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestVerifyTimes goes one second, and one nanosecond, to either side of each
// boundary.
func TestVerifyTimes(t *testing.T) {
	const (
		expired = verifier.ReasonExpired
		early   = verifier.ReasonNotYetValid
		good    = verifier.Reason("")
	)
	issuer := newIssuer(t)
	for _, tt := range []struct {
		name    string
		leeway  time.Duration
		claim   string
		seconds int64         // of the claim, from now
		clock   time.Duration // from now
		want    verifier.Reason
	}{
		{"default leeway", 0, "exp", -59, 0, good},
		{"default leeway", 0, "exp", -60, -1, good},
		{"default leeway, exactly", 0, "exp", -60, 0, expired},
		{"default leeway", 0, "exp", -61, 0, expired},
		{"default leeway", 0, "nbf", 59, 0, good},
		{"default leeway, exactly", 0, "nbf", 60, 0, good},
		{"default leeway", 0, "nbf", 60, -1, early},
		{"default leeway", 0, "nbf", 61, 0, early},
		{"default leeway", 0, "iat", 60, 0, good},
		{"default leeway", 0, "iat", 60, -1, early},
		{"default leeway", 0, "iat", 61, 0, early},
		{"leeway of 5 s", 5 * time.Second, "exp", -4, 0, good},
		{"leeway of 5 s", 5 * time.Second, "exp", -5, 0, expired},
		{"leeway of 5 s", 5 * time.Second, "iat", 5, 0, good},
		{"leeway of 5 s", 5 * time.Second, "iat", 6, 0, early},
		{"no leeway", -1, "exp", 1, 0, good},
		{"no leeway", -1, "exp", 0, -1, good},
		{"no leeway", -1, "exp", 0, 0, expired},
		{"no leeway", -1, "nbf", 0, 0, good},
		{"no leeway", -1, "nbf", 1, 0, early},
		{"no leeway", -1, "iat", 0, 0, good},
		{"no leeway", -1, "iat", 1, 0, early},
		{"replay after five minutes and the leeway", 0, "exp", 300, 6 * time.Minute, expired},
		{"before replay is refused", 0, "exp", 300, 6*time.Minute - 1, good},
	} {
		t.Run(fmt.Sprintf("%s: %s%+ds, clock%+dns", tt.name, tt.claim, tt.seconds, tt.clock), func(t *testing.T) {
			v := newVerifier(t, issuer, verifier.Options{Leeway: tt.leeway, Now: func() time.Time { return now().Add(tt.clock) }})
			c := ann()
			c.Extra = map[string]any{"iat": now().Add(-time.Hour).Unix(), tt.claim: now().Unix() + tt.seconds}
			assertion := issuer.Assertion(c)
			p, err := v.Verify(t.Context(), assertion)
			if tt.want != good {
				wantRefusal(t, p, err, tt.want, assertion)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestVerifySize(t *testing.T) {
	issuer := newIssuer(t)
	assertion := issuer.Assertion(ann())
	if _, err := newVerifier(t, issuer, verifier.Options{MaxBytes: len(assertion)}).Verify(t.Context(), assertion); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	p, err := newVerifier(t, issuer, verifier.Options{MaxBytes: len(assertion) - 1}).Verify(t.Context(), assertion)
	wantRefusal(t, p, err, verifier.ReasonTooLarge, assertion)

	long := strings.Repeat("a", verifier.DefaultMaxBytes+1)
	p, err = newVerifier(t, issuer, verifier.Options{}).Verify(t.Context(), long)
	wantRefusal(t, p, err, verifier.ReasonTooLarge, long)
}

func TestVerifyHeader(t *testing.T) {
	const name = "X-Pomerium-Jwt-Assertion"
	issuer := newIssuer(t)
	v := newVerifier(t, issuer, verifier.Options{})
	good := issuer.Assertion(ann())
	for attack, tt := range map[string]struct {
		header http.Header
		want   verifier.Reason // empty: accepted
	}{
		"one":                     {http.Header{name: {good}}, ""},
		"none":                    {http.Header{}, verifier.ReasonMissing},
		"empty":                   {http.Header{name: {""}}, verifier.ReasonMissing},
		"two":                     {http.Header{name: {good, good}}, verifier.ReasonDuplicate},
		"empty, then one":         {http.Header{name: {"", good}}, verifier.ReasonDuplicate},
		"one, then empty":         {http.Header{name: {good, ""}}, verifier.ReasonDuplicate},
		"two joined by a comma":   {http.Header{name: {good + "," + good}}, verifier.ReasonMalformed},
		"two joined by a space":   {http.Header{name: {good + " " + good}}, verifier.ReasonMalformed},
		"a comma after it":        {http.Header{name: {good + ","}}, verifier.ReasonMalformed},
		"white space only":        {http.Header{name: {" "}}, verifier.ReasonMalformed},
		"Bearer before it":        {http.Header{name: {"Bearer " + good}}, verifier.ReasonMalformed},
		"in the -For header":      {http.Header{name + "-For": {good}}, verifier.ReasonMissing},
		"in Authorization":        {http.Header{"Authorization": {"Bearer " + good}}, verifier.ReasonMissing},
		"in a cookie":             {http.Header{"Cookie": {"_pomerium=" + good}}, verifier.ReasonMissing},
		"in the query":            {http.Header{"X-Original-Url": {"/?jwt=" + good}}, verifier.ReasonMissing},
		"name with an underscore": {http.Header{"X_pomerium_jwt_assertion": {good}}, verifier.ReasonMissing},
	} {
		t.Run(attack, func(t *testing.T) {
			p, err := v.VerifyHeader(t.Context(), tt.header, name)
			if tt.want != "" {
				wantRefusal(t, p, err, tt.want, good)
			} else if err != nil || p.Email != "ann@example.com" {
				t.Errorf("got %+v, %v", p, err)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	keys := staticKeys(t, newIssuer(t))
	type options = verifier.Options
	for name, tt := range map[string]struct {
		keys verifier.KeySource
		o    options
		want string
	}{
		"no keys":           {nil, options{Issuer: host, Audience: []string{host}}, "creating verifier: no key source"},
		"no issuer":         {keys, options{Audience: []string{host}}, "creating verifier: issuer and audience are required"},
		"no audience":       {keys, options{Issuer: host}, "creating verifier: issuer and audience are required"},
		"an empty audience": {keys, options{Issuer: host, Audience: []string{host, ""}}, "creating verifier: issuer and audience are required"},
		"none":              {keys, options{Issuer: host, Audience: []string{host}, Algorithms: []string{"none"}}, `creating verifier: algorithm "none" is neither ES256 nor RS256`},
		"HS256":             {keys, options{Issuer: host, Audience: []string{host}, Algorithms: []string{"ES256", "HS256"}}, `creating verifier: algorithm "HS256" is neither ES256 nor RS256`},
	} {
		t.Run(name, func(t *testing.T) {
			if v, err := verifier.New(tt.keys, tt.o); v != nil || err == nil || err.Error() != tt.want {
				t.Errorf("got %v, %v, want %s", v, err, tt.want)
			}
		})
	}
}

// TestOptionsAreCopied: what the caller does with its slices afterwards changes
// nothing.
func TestOptionsAreCopied(t *testing.T) {
	issuer := newIssuer(t)
	audience, algorithms := []string{host}, []string{verifier.ES256}
	v := newVerifier(t, issuer, verifier.Options{Audience: audience, Algorithms: algorithms})
	audience[0], algorithms[0] = "evil.example.com", verifier.RS256
	if _, err := v.Verify(t.Context(), issuer.Assertion(ann())); err != nil {
		t.Error(err)
	}
}

// failing is a KeySource that a library user wrote.
type failing struct{ err error }

func (f failing) Key(_ context.Context, _ string) (verifier.Key, error) { return verifier.Key{}, f.err }

func TestVerifyWithFailingKeySource(t *testing.T) {
	unknown := &verifier.Error{Reason: verifier.ReasonKeyUnknown, Err: errors.New("no such key")}
	assertion := newIssuer(t).Assertion(ann())
	for name, tt := range map[string]struct {
		err  error
		want verifier.Reason
	}{
		"any error":        {errors.New("the vault is sealed"), verifier.ReasonKeysUnavailable},
		"an *Error":        {unknown, verifier.ReasonKeyUnknown},
		"inside another":   {fmt.Errorf("asking the vault: %w", unknown), verifier.ReasonKeyUnknown},
		"no error, no key": {nil, verifier.ReasonAlgorithm},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := verifier.New(failing{tt.err}, verifier.Options{Issuer: host, Audience: []string{host}, Now: now})
			if err != nil {
				t.Fatal(err)
			}
			p, err := v.Verify(t.Context(), assertion)
			wantRefusal(t, p, err, tt.want, assertion)
		})
	}
}

func TestErrorText(t *testing.T) {
	cause := errors.New("the cause")
	for _, tt := range []struct {
		err  *verifier.Error
		want string
	}{
		{&verifier.Error{Reason: verifier.ReasonExpired}, "verifying assertion: expired"},
		{&verifier.Error{Reason: verifier.ReasonExpired, Err: cause}, "verifying assertion: expired: the cause"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	if !errors.Is(&verifier.Error{Reason: verifier.ReasonExpired, Err: cause}, cause) {
		t.Error("the cause is lost")
	}
}
