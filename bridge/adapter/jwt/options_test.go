package jwt

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/document"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

func TestOptions(t *testing.T) {
	key := keyOf(newKey(t, "ES256"))
	keys := []adapter.PrivateKey{key}
	with := func(change func(*Options)) Options {
		o := Options{Header: "X-Token", Keys: keys}
		change(&o)
		return o
	}
	it := func(c Claim) Options { return with(func(o *Options) { o.Claims = map[string]Claim{"it": c} }) }
	for _, tt := range []struct {
		name    string
		options Options
		want    []string
	}{
		{"nothing", Options{}, []string{
			`header: missing: say which header carries the token, such as "X-JWT-Assertion", or which cookie`,
			"keys: missing: say what signs the tokens, such as keys = [{ file = \"jwt.key\" }]; `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out jwt.key` makes one",
		}},
		{"everything that is right", with(func(o *Options) {
			o.Prefix, o.Type, o.Issuer, o.Audience, o.Lifetime = "Bearer ", "at+jwt", "https://bridge.example.com", "https://grafana.example.com/api", 5*time.Minute
			o.Claims = map[string]Claim{"groups": {From: "groups"}}
			o.Omit, o.Strip = []string{"groups"}, []string{"Authorization"}
		}), nil},
		{"both ways", with(func(o *Options) { o.Cookie = "x" }), []string{`cookie: beside header: the token goes one way; keep one of them`}},
		{"a cookie with a prefix", Options{Cookie: "a b", Prefix: "Bearer ", Keys: keys}, []string{
			`cookie: "a b" is no cookie's name; write it as the app does, such as "grafana_session"`, `prefix: is for a header; remove it`,
		}},
		{"the request's own header", Options{Header: "Host", Keys: keys}, []string{`header: "Host" carries the request itself, not an identity; choose another header`}},
		{"a prefix that breaks out", with(func(o *Options) { o.Prefix = "a\r\nX: " }), []string{`prefix: "a\r\nX: "; write a scheme and a space, such as "Bearer "`}},
		{"stripped and sent", with(func(o *Options) { o.Strip = []string{"x_token"} }), []string{
			`strip: "x_token" is never sent to the app, but header says what to send; remove one of them`,
		}},
		{"keys and a secret", with(func(o *Options) { o.Secret = secretOf(sharedSecret, nil) }), []string{`secret: beside keys: one of the two signs; keep one of them`}},
		{"a short secret", Options{Header: "X-Token", Secret: secretOf("0123456789abcdef", nil)}, []string{
			"secret: shorter than 32 bytes, which HS256 needs: `openssl rand -hex 32` makes one",
		}},
		{"a secret that is not there", Options{Header: "X-Token", Secret: secretOf("", errors.New("app.secret: no such file"))}, []string{`secret: app.secret: no such file`}},
		{"one key twice", with(func(o *Options) { o.Keys = []adapter.PrivateKey{key, key} }), []string{`keys[2]: is the same key as keys[1]; remove one of them`}},
		{"no key", with(func(o *Options) { o.Keys = []adapter.PrivateKey{keyOf(nil)} }), []string{
			"keys[1]: no key in PEM found; `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` makes one",
		}},
		{"a minute too long", with(func(o *Options) { o.Lifetime = 61 * time.Minute }), []string{
			`lifetime: 1h1m0s is not between 10 seconds and an hour; "1m" suits apps that check each request`,
		}},
		{"times that make no sense", with(func(o *Options) { o.Backdate, o.Reuse = -time.Second, time.Millisecond }), []string{
			`backdate: -1s is not between 0 and a minute; "10s" is more than clocks differ by that are set by NTP`,
			`reuse: 1ms is not between a second and 30s, half of lifetime; what is sent again must be good for a while still`,
		}},
		{"times that are too long", with(func(o *Options) { o.Backdate, o.Lifetime, o.Reuse = time.Hour, 5*time.Minute, 3*time.Minute }), []string{
			`backdate: 1h0m0s is not between 0 and a minute; "10s" is more than clocks differ by that are set by NTP`,
			`reuse: 3m0s is not between a second and 2m30s, half of lifetime; what is sent again must be good for a while still`,
		}},
		{"a key that the app does not read", with(func(o *Options) { o.KeyTypes = []string{"RSA"} }), []string{
			"keys[1]: is an EC key, which the app does not read: `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072` makes one that it does",
		}},
		{"a key to publish that the app does not read", with(func(o *Options) {
			o.Keys, o.KeyTypes = append(o.Keys[:1:1], keyOf(newKey(t, "EdDSA"))), []string{"RSA", "EC"}
		}), []string{
			"keys[2]: is an Ed25519 key, which the app does not read: `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` makes one that it does",
		}},
		{"a key that the app reads", with(func(o *Options) { o.KeyTypes = []string{"OKP", "EC"} }), nil},
		{"no key, for an app that reads RSA", Options{Header: "X-Token", KeyTypes: []string{"RSA"}}, []string{
			"keys: missing: say what signs the tokens, such as keys = [{ file = \"jwt.key\" }]; `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out jwt.key` makes one",
		}},
		{"types that are none", Options{Header: "X-Token", Secret: secretOf(sharedSecret, nil), KeyTypes: []string{"rsa"}}, []string{
			`key_types: has no effect beside secret; remove it`, `key_types[1]: "rsa"; choose of EC, OKP, RSA`,
		}},
		{"the assertion's audience", with(func(o *Options) { o.Audience = "Grafana.example.com" }), []string{
			`audience: "Grafana.example.com" is what assertions for this app have; a token must differ, so choose another`,
		}},
		{"the assertion's issuer", with(func(o *Options) { o.Issuer = "https://grafana.example.com/" }), []string{
			`issuer: "https://grafana.example.com/" is what assertions for this app have; a token must differ, so choose another`,
		}},
		{"a type that is none", with(func(o *Options) { o.Type = "a b" }), []string{`type: "a b" is no media type; leave it out, or write such as "JWT" or "at+jwt"`}},
		{"an audience with space", with(func(o *Options) { o.Audience = " a" }), []string{`audience: has control characters, or white space around it`}},
		{"domains for nothing", with(func(o *Options) { o.Domains = []string{"example.com"} }), []string{
			`domains: are for claims with from = "email_local", and there is none; whom the app lets in is for rules to say`,
		}},
		{"a claim of the bridge", with(func(o *Options) { o.Claims = map[string]Claim{"exp": {Const: int64(1 << 40)}} }), []string{
			`claims.exp: "exp" is for the bridge to set; issuer, audience and lifetime say how`,
		}},
		{"a subject that is a list", with(func(o *Options) { o.Claims = map[string]Claim{"sub": {From: "groups"}} }), []string{
			`claims.sub: a subject is one text (RFC 7519 §4.1.2)`,
		}},
		{"no subject", with(func(o *Options) {
			o.Claims, o.Omit = map[string]Claim{"sub": {From: "email"}}, []string{"sub", "x"}
		}), []string{
			`omit: "sub" is no claim of this adapter that can be left out; it has sub`, `omit: "x" is no claim of this adapter that can be left out; it has sub`,
		}},
		{"no source", it(Claim{}), []string{
			`claims.it: has 0 sources; give exactly one of from = "email", claim = "department", attribute = "org_id", const = "text" and object = { ... }`,
		}},
		{"two sources", it(Claim{From: "email", Const: "x"}), []string{
			`claims.it: has 2 sources; give exactly one of from = "email", claim = "department", attribute = "org_id", const = "text" and object = { ... }`,
		}},
		{"an unknown source", it(Claim{From: "mail"}), []string{
			`claims.it.from: "mail" is no source; there are email, email_local, subject, name, role, roles, groups and rule`,
		}},
		{"an unknown type", it(Claim{From: "email", Type: "int"}), []string{`claims.it.type: "int"; choose "string", "list", "number" or "bool"`}},
		{"a list as text", it(Claim{From: "groups", Type: "string"}), []string{`claims.it.type: "string", but groups is a list; leave type out`}},
		{"a name as a number", it(Claim{From: "name", Type: "number"}), []string{`claims.it.type: name is no number; with map, say what it is for each`}},
		{"a word that is no number", it(Claim{From: "role", Type: "number", Words: value.Words{Map: map[string]string{"a": "x"}}}), []string{`claims.it.map.a: ` + document.ErrNumber.Error()}},
		{"a word with a line break", it(Claim{From: "role", Words: value.Words{Map: map[string]string{"a": "x\n"}}}), []string{`claims.it.map.a: value has control characters`}},
		{"a role left out", it(Claim{From: "role", Unsendable: "omit"}), []string{
			`claims.it.unsendable: a role cannot be left out: somebody without it may be allowed more`,
		}},
		{"a constant that JSON lacks", it(Claim{Const: math.Inf(1)}), []string{`claims.it.const: is no number that JSON has`}},
		{"a constant that is a table", it(Claim{Const: map[string]any{"a": "b"}}), []string{
			`claims.it.const: want a text, a number, true or false, or a list of these; claims within a claim are object = { ... }`,
		}},
		{"a constant with a type", it(Claim{Const: "1", Type: "number"}), []string{`claims.it: beside const, nothing else has an effect; write what the app shall read`}},
		{"within an object", it(Claim{Required: true, Object: map[string]Claim{"a": {From: "x"}}}), []string{
			`claims.it: beside object, nothing else has an effect; write it in the claims within`,
			`claims.it.object.a.from: "x" is no source; there are email, email_local, subject, name, role, roles, groups and rule`,
		}},
		{"an empty object", it(Claim{Object: map[string]Claim{}}), []string{`claims.it.object: has no claim`}},
		{"email_local", it(Claim{From: "email_local"}), []string{
			`claims.it.from: email_local needs to know whose addresses it may shorten: give the adapter domains = ["example.com"]; of two domains, ann@a.example and ann@b.example would become one user`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, optionErrors(t, tt.options, serving)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// TestGrants: an app that is told of one role is not for people with several, and
// an attribute that no rule adds would never be there.
func TestGrants(t *testing.T) {
	env := serving
	env.Roles = []string{"Viewer", "Admin"}
	env.Grants = &adapter.Grants{Roles: env.Roles, SeveralRoles: true, Attributes: []string{"org_id"}}
	o := claims(t, map[string]Claim{
		"role": {From: "role"}, "org": {Attribute: "org"}, "id": {Object: map[string]Claim{"org": {Attribute: "org_id"}}},
		"admin": {From: "roles", Words: value.Words{Map: map[string]string{"Viewer": "v"}}},
	})
	want := []string{
		`claims.admin.map: has no word for "Admin", which the adapter's roles have; add "Admin" = "..."`,
		`claims.org.attribute: no rule of the app adds "org"; write attributes = { org = "..." } in the rules that shall`,
		`claims.role.from: sends one role, and the app's rules may grant several: write from = "roles", or let each rule grant one role and match = "first"`,
	}
	if diff := cmp.Diff(want, optionErrors(t, o, env)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	env.Grants = nil
	o.Claims["admin"] = Claim{From: "roles"}
	a := mustOpen(t, o, env)
	if got := a.(adapter.AttributeUser).Attributes(); !cmp.Equal(got, []string{"org_id", "org"}) {
		t.Errorf("attributes %v", got)
	}
}
