package headers

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

const proxySecret = "hush-0123456789abcdef"

func secretOf(value string, err error) adapter.Secret {
	return adapter.NewSecret(func() (string, error) { return value, err })
}

func TestSecret(t *testing.T) {
	o := Options{Header: map[string]Header{
		"X-Proxy-Secret": {Secret: secretOf(proxySecret, nil)},
		"Authorization":  {Secret: secretOf(proxySecret, nil), Words: value.Words{Prefix: "Bearer "}},
		"X-User":         {From: "email"},
	}}
	open := func(env adapter.Env) adapter.Adapter {
		t.Helper()
		a, err := o.Open(env)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := open(adapter.Env{ReadSecrets: true})
	want := map[string]string{"X-Proxy-Secret": proxySecret, "Authorization": "Bearer " + proxySecret, "X-User": "ann@example.com"}
	if diff := cmp.Diff(want, sent(t, a, inputOf(ann()))); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Authorization", "X-Proxy-Secret"}, a.Owns().Secrets); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", o, o, o, o.Header["X-Proxy-Secret"].Secret); strings.Contains(text, "hush") {
		t.Errorf("options print the secret: %s", text)
	}

	unread := sent(t, open(adapter.Env{}), inputOf(ann()))
	want = map[string]string{"X-Proxy-Secret": "(secret)", "Authorization": "Bearer (secret)", "X-User": "ann@example.com"}
	if diff := cmp.Diff(want, unread); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
}

// TestMarkerTellsNoSecret: what apps log of it must not be a hash to try guesses on.
func TestMarkerTellsNoSecret(t *testing.T) {
	marker := func(secret string) string {
		t.Helper()
		a, err := (&Options{Header: map[string]Header{"X-Proxy-Secret": {Secret: secretOf(secret, nil)}, "X-Sync": {From: "sync_marker"}}}).
			Open(adapter.Env{ReadSecrets: true})
		if err != nil {
			t.Fatal(err)
		}
		return sent(t, a, inputOf(ann()))["X-Sync"]
	}
	if marker(proxySecret) != marker(proxySecret+"x") {
		t.Error("the marker depends on the secret")
	}
}

// TestSecretIsReadOnlyToServe: whoever reviews a configuration need not have it.
func TestSecretIsReadOnlyToServe(t *testing.T) {
	missing := one(Header{Secret: secretOf("", errors.New("app.secret: no such file"))})
	testOptions(t, adapter.Env{}, []optionTest{{"to look at", missing, nil}})
	testOptions(t, adapter.Env{ReadSecrets: true}, []optionTest{
		{"to serve", missing, []string{`header.X-User.secret: app.secret: no such file`}},
		{"with a line break", one(Header{Secret: secretOf(proxySecret+"\nX-Role: Admin", nil)}), []string{`header.X-User.secret: value has control characters`}},
		{"with space around", one(Header{Secret: secretOf(proxySecret+" ", nil)}), []string{
			`header.X-User.secret: value begins or ends with white space, which HTTP would take away`,
		}},
		{"outside ASCII", one(Header{Secret: secretOf(proxySecret+"é", nil)}), []string{`header.X-User.secret: ` + errASCII.Error()}},
		{"beside another source", one(Header{Secret: secretOf(proxySecret, nil), From: "email"}), []string{
			`header.X-User: has 2 sources; give exactly one of from = "email", claim = "department", attribute = "org_id", const = "text" and secret = { file = "..." }`,
		}},
		{"shaped", one(Header{Secret: secretOf(proxySecret, nil), Default: "x", Join: ",", Words: value.Words{Lower: true}}), []string{
			`header.X-User: join, repeat, quote and append are for lists; a secret is one value`,
			`header.X-User.lower: is for email, email_local and a claim that is one text`,
			`header.X-User.default: has no effect: a secret is never empty`,
		}},
	})
}
