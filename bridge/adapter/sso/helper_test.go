package sso

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/adaptertest"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

var noon = time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)

// The example of Discourse's documentation.
const docSecret = "d836444a9e4084d5b224a60c208dce14"

const (
	sharedSecret = "hush-0123456789abcdef0123456789abcdef"
	forumReturn  = "https://forum.example.com/session/sso_login"
)

var (
	forum = adapter.Env{App: "forum", Host: "forum.example.com", ReadSecrets: true}
	stats = adapter.Env{App: "stats", Host: "stats.example.com", ReadSecrets: true}
)

func secretOf(value string, err error) adapter.Secret {
	return adapter.NewSecret(func() (string, error) { return value, err })
}

// discourseOptions are those of the preset.
func discourseOptions() Options {
	return Options{
		Protocol: "discourse", Secret: secretOf(docSecret, nil),
		Fields: map[string]Field{
			"email": {From: "email", Required: true}, "name": {From: "name", Unsendable: "omit"},
			"admin":              {From: "role", Words: value.Words{Map: map[string]string{"user": "false", "moderator": "false", "admin": "true"}}},
			"moderator":          {From: "role", Words: value.Words{Map: map[string]string{"user": "false", "moderator": "true", "admin": "false"}}},
			"groups":             {From: "groups", Unsendable: "omit"},
			"require_activation": {Claim: "email_verified", Words: value.Words{Map: map[string]string{"true": "false", "false": "true"}, Unmapped: "refuse"}},
		},
	}
}

// metabaseOptions are those of the preset.
func metabaseOptions() Options {
	return Options{
		Protocol: "jwt", Secret: secretOf(sharedSecret, nil),
		Fields: map[string]Field{
			"email": {From: "email", Required: true}, "groups": {From: "roles"},
			"first_name": {Claim: "given_name", Unsendable: "omit"}, "last_name": {Claim: "family_name", Unsendable: "omit"},
		},
	}
}

func ann() *verifier.Principal {
	return &verifier.Principal{
		Subject: "2f6a", Email: "Ann@example.com", Name: "Ann Exämple", Groups: []string{"sre", "staff & co"},
		IssuedAt: noon.Add(-time.Minute), ExpiresAt: noon.Add(4 * time.Minute),
		Claims: map[string]any{"given_name": "Ann", "family_name": "Exämple"},
	}
}

// asking is a request of somebody that brings a query.
func asking(p *verifier.Principal, role, query string) adapter.Input {
	return adapter.Input{
		Principal: p, Time: noon, SignIn: true, Decision: mapping.Decision{Roles: []string{role}, Rule: 1},
		Request: &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/.ssobridge/sso", RawQuery: query}},
	}
}

// asked is a question of Discourse's.
func asked(secret, payload string) string {
	sso := base64.StdEncoding.EncodeToString([]byte(payload))
	return url.Values{"sso": {sso}, "sig": {sign([]byte(secret), sso)}}.Encode()
}

func askedFor(nonce, back string) string {
	return asked(docSecret, url.Values{"nonce": {nonce}, "return_sso_url": {back}}.Encode())
}

func mustOpen(tb testing.TB, o Options, env adapter.Env) adapter.Adapter {
	tb.Helper()
	a, err := o.Open(env)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func answer(tb testing.TB, a adapter.Adapter, in adapter.Input) string {
	tb.Helper()
	out, err := a.Adapt(tb.Context(), in)
	if err != nil {
		tb.Fatal(err)
	}
	if len(out.Header)+len(out.Cookies) > 0 {
		tb.Errorf("beside the answer, the app receives %v %v", out.Header, out.Cookies)
	}
	return out.Redirect
}

// readDiscourse reads an answer as Discourse does.
func readDiscourse(address, back string) (url.Values, error) {
	query, found := strings.CutPrefix(address, back+"?")
	all, err := url.ParseQuery(query)
	if err != nil || !found || len(all) != 2 || len(all["sso"]) != 1 || len(all["sig"]) != 1 {
		return nil, fmt.Errorf("no answer: %s, %w", address, err)
	}
	if sign([]byte(docSecret), all.Get("sso")) != all.Get("sig") {
		return nil, errors.New("bad signature for payload")
	}
	text, err := base64.StdEncoding.DecodeString(all.Get("sso"))
	if err != nil {
		return nil, err
	}
	return url.ParseQuery(string(text))
}

// readToken reads an answer by a library that has no part in signing.
func readToken(address, back string, at time.Time) (claims map[string]any, returnTo []string, err error) {
	query, found := strings.CutPrefix(address, back+"?")
	all, err := url.ParseQuery(query)
	if err != nil || !found || len(all["jwt"]) != 1 {
		return nil, nil, fmt.Errorf("no answer: %s, %w", address, err)
	}
	token, err := josejwt.ParseSigned(all.Get("jwt"), []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		return nil, nil, err
	}
	var standing josejwt.Claims
	if err := token.Claims([]byte(sharedSecret), &standing, &claims); err != nil {
		return nil, nil, err
	}
	return claims, all["return_to"], standing.ValidateWithLeeway(josejwt.Expected{Issuer: "ssobridge", AnyAudience: []string{"stats"}, Time: at}, 0)
}

// The suite looks at headers: there, an answer stands in one of them.
const answerHeader = "X-Answer"

// asHeader is an adapter of whom every request asks.
type asHeader struct {
	adapter.Adapter
	query string
}

func (a asHeader) Owns() adapter.Owned { return adapter.Owned{Headers: []string{answerHeader}} }

func (a asHeader) Adapt(ctx context.Context, in adapter.Input) (adapter.Output, error) {
	request := *in.Request
	request.URL = &url.URL{Path: "/.ssobridge/sso", RawQuery: a.query}
	in.Request, in.SignIn = &request, true
	out, err := a.Adapter.Adapt(ctx, in)
	if err != nil {
		return out, err
	}
	if out.Form != nil {
		out.Redirect = out.Form.Action + "?" + formValues(out.Form).Encode()
	}
	return adapter.Output{Header: http.Header{answerHeader: {out.Redirect}}}, nil
}

// formValues is what a browser posts.
func formValues(f *adapter.Form) url.Values {
	all := url.Values{}
	for name, value := range f.Fields {
		all.Set(name, value)
	}
	return all
}

// discourseParts are what Discourse reads.
func discourseParts(_, address string) ([]adaptertest.Part, bool) {
	all, err := readDiscourse(address, forumReturn)
	if err != nil {
		panic(err)
	}
	var parts []adaptertest.Part
	for _, name := range slices.Sorted(maps.Keys(all)) {
		p := adaptertest.Part{Name: name, Values: all[name]}
		if strings.HasSuffix(name, "groups") {
			p.IsList = true
			p.Values = strings.FieldsFunc(all.Get(name), func(r rune) bool { return r == ',' })
		}
		parts = append(parts, p)
	}
	return parts, true
}

func tokenParts(_, address string) ([]adaptertest.Part, bool) {
	claims, _, err := readToken(address, "https://stats.example.com/auth/sso", noon)
	if err != nil {
		panic(err)
	}
	delete(claims, "jti")
	var parts []adaptertest.Part
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		p := adaptertest.Part{Name: name}
		if list, is := claims[name].([]any); is {
			p.IsList = true
			for _, item := range list {
				p.Values = append(p.Values, item.(string))
			}
		} else {
			text, err := json.Marshal(claims[name])
			if err != nil {
				panic(err)
			}
			p.Values = []string{string(text)}
			if s, is := claims[name].(string); is {
				p.Values = []string{s}
			}
		}
		parts = append(parts, p)
	}
	return parts, true
}

func TestConformance(t *testing.T) {
	words := discourseOptions()
	words.Domains = []string{"example.com"}
	words.Fields["username"] = Field{From: "email_local", Required: true, Words: value.Words{Lower: true, Replace: map[string]string{"+": "-plus-"}}}
	words.Fields["add_groups"] = Field{Claim: "resource_access.app.roles", Unsendable: "omit"}
	words.Fields["custom.dept"] = Field{Claim: "department", Words: value.Words{Map: map[string]string{"Engineering": "7"}, Unmapped: "omit", Prefix: "d"}}
	words.Fields["title"] = Field{From: "rule"}
	byForm := metabaseOptions()
	byForm.Send = "form"
	for _, tt := range []struct {
		name  string
		o     Options
		env   adapter.Env
		role  string
		query string
		read  func(name, value string) ([]adaptertest.Part, bool)
	}{
		{"Discourse", discourseOptions(), forum, "user", askedFor("n1", forumReturn), discourseParts},
		{"every word", words, forum, "user", askedFor("n1", forumReturn), discourseParts},
		{"Metabase", metabaseOptions(), stats, "viewer", "return_to=%2Fquestion%2F1", tokenParts},
		{"Metabase, by a form", byForm, stats, "viewer", "return_to=%2Fquestion%2F1", tokenParts},
		{"Zulip", zulipOptions(), chat, "user", "next=%2F", zulipParts},
	} {
		t.Run(tt.name, func(t *testing.T) {
			other := "admin"
			if tt.o.Protocol != "discourse" {
				other = ""
			}
			adaptertest.Run(t, func(tb testing.TB) adapter.Adapter {
				tb.Helper()
				return asHeader{mustOpen(tb, tt.o, tt.env), tt.query}
			}, adaptertest.Options{Role: tt.role, OtherRole: other, Read: tt.read})
		})
	}
}
