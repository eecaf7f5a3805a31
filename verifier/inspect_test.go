package verifier_test

import (
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// outcomes is an Inspection in one line: each check that did not pass.
func outcomes(i *verifier.Inspection) string {
	var notPassed []string
	for _, c := range i.Checks {
		switch c.Outcome {
		case verifier.Failed:
			notPassed = append(notPassed, c.Name+": "+string(c.Reason))
		case verifier.NotChecked:
			notPassed = append(notPassed, c.Name+" not checked")
		}
	}
	return strings.Join(notPassed, "; ")
}

// TestInspect: an Inspection goes on after a failure, and its first failure is
// what Verify refuses for.
func TestInspect(t *testing.T) {
	issuer := newIssuer(t)
	o := verifier.Options{Issuer: host, Audience: []string{host}, Now: now}
	v := newVerifier(t, issuer, o)
	claims := func(change func(c *verifiertest.Claims)) string {
		c := ann()
		c.Issuer = host
		change(&c)
		return issuer.Assertion(c)
	}
	good := claims(func(*verifiertest.Claims) {})
	expired := claims(func(c *verifiertest.Claims) { c.Expires = now().AddDate(0, 0, -1) })
	_, payload, _ := decodeParts(t, good)
	const notRead = "claims not checked; issuer not checked; audience not checked; expiry not checked; lifetime not checked; " +
		"not before not checked; issued at not checked; subject not checked"
	for name, tt := range map[string]struct {
		assertion string
		want      string
	}{
		"good": {good, ""},
		"everything wrong with the claims": {
			claims(func(c *verifiertest.Claims) {
				c.Issuer, c.Audience, c.Subject = "evil.example.com", "wiki.example.com", ""
				c.Expires, c.IssuedAt = now().AddDate(0, 0, -1), now().AddDate(0, 0, 1)
				c.Extra = map[string]any{"nbf": now().AddDate(0, 0, 1).Unix()}
			}),
			"issuer: issuer_mismatch; audience: audience_mismatch; expiry: expired; not before: not_yet_valid; " +
				"issued at: not_yet_valid; subject: subject_empty",
		},
		"a bad signature, and expired": {
			expired[:strings.LastIndexByte(expired, '.')] + good[strings.LastIndexByte(good, '.'):],
			"signature: signature_invalid; expiry: expired",
		},
		"claims of wrong types": {
			claims(func(c *verifiertest.Claims) { c.Extra = map[string]any{"groups": "a,b"} }),
			"claims: claims_malformed; issuer not checked; audience not checked; expiry not checked; lifetime not checked; " +
				"not before not checked; issued at not checked; subject not checked",
		},
		"not an assertion": {"foo", "serialisation: assertion_malformed; algorithm not checked; key not checked; signature not checked; " + notRead},
		"padded":           {good + "==", "serialisation: assertion_malformed; algorithm not checked; key not checked; signature not checked; " + notRead},
		"too large, and good otherwise": {
			claims(func(c *verifiertest.Claims) { c.Groups = directoryGroups(2000) }), "size: assertion_too_large",
		},
		"alg none":          {issuer.Sign([]byte(`{"alg":"none","kid":"`+issuer.KeyID()+`"}`), payload), "algorithm: algorithm_not_allowed; key: algorithm_not_allowed; signature not checked"},
		"an unknown key ID": {issuer.Sign([]byte(`{"alg":"ES256","kid":"x"}`), payload), "key: key_unknown; signature not checked"},
	} {
		t.Run(name, func(t *testing.T) {
			i, err := verifier.Inspect(t.Context(), staticKeys(t, issuer), o, tt.assertion)
			if err != nil {
				t.Fatal(err)
			}
			if got := outcomes(i); got != tt.want || (i.Outcome() == verifier.Passed) != (tt.want == "") {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			p, err := v.Verify(t.Context(), tt.assertion)
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			for _, c := range i.Checks {
				if c.Outcome == verifier.Failed {
					wantRefusal(t, p, err, c.Reason, tt.assertion)
					break
				}
			}
		})
	}
}

// TestInspectWithLessToGoBy: without keys, issuer and audience there is still
// something to look at, but it is not valid.
func TestInspectWithLessToGoBy(t *testing.T) {
	issuer := newIssuer(t)
	good := issuer.Assertion(ann())
	i, err := verifier.Inspect(t.Context(), nil, verifier.Options{Now: now}, good)
	if err != nil {
		t.Fatal(err)
	}
	const want = "algorithm not checked; key not checked; signature not checked; issuer not checked; audience not checked"
	if got := outcomes(i); got != want || (i.Outcome() == verifier.Passed) {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if i.Header["kid"] != issuer.KeyID() || i.Claims["email"] != "ann@example.com" {
		t.Errorf("header %v, claims %v", i.Header, i.Claims)
	}
	if _, err := verifier.Inspect(t.Context(), nil, verifier.Options{Algorithms: []string{"none"}}, good); err == nil {
		t.Error("options of Verify's kind are not checked")
	}

	// Another party's text is decoded as far as it goes, and no further.
	for text, wantClaims := range map[string]bool{
		good + "==": true, "e30=.e30=": true, "?.e30": true, "e30.?": false, "e30.W10": false, "": false, ".": false, "a": false,
	} {
		i, err := verifier.Inspect(t.Context(), nil, verifier.Options{}, text)
		if err != nil {
			t.Fatal(err)
		}
		if (i.Claims != nil) != wantClaims || (i.Outcome() == verifier.Passed) {
			t.Errorf("%q: %+v", text, i)
		}
	}
}

// TestInspectUnavailableKeys: it says whose fault it is.
func TestInspectUnavailableKeys(t *testing.T) {
	issuer := newIssuer(t)
	keys := newRemoteKeys(t, verifier.RemoteKeysOptions{URL: serve(t, issuer)}) // never fetched
	i, err := verifier.Inspect(t.Context(), keys, verifier.Options{Issuer: host, Audience: []string{host}, Now: now}, issuer.Assertion(ann()))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := outcomes(i), "key: keys_unavailable; signature not checked"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
