package login

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/adaptertest"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// bodyHeader stands for the body of a sign-in: the suite is about headers.
const bodyHeader = "X-Body"

// asHeader is an adapter that signs in with every request, and shows how.
type asHeader struct{ *loginAdapter }

func (a asHeader) Owns() adapter.Owned {
	owned := a.loginAdapter.Owns()
	owned.Headers = append(slices.Clone(owned.Headers), bodyHeader)
	return owned
}

func (a asHeader) Adapt(ctx context.Context, in adapter.Input) (adapter.Output, error) {
	out, err := a.loginAdapter.Adapt(ctx, in)
	if len(out.Header)+len(out.Cookies) > 0 {
		panic("a request is told something")
	}
	app := &recorder{a: a.loginAdapter, header: http.Header{}}
	cookies, startErr := a.StartSession(ctx, in, app)
	if (err == nil) != (startErr == nil) || err != nil && err.Error() != startErr.Error() {
		panic("Adapt and StartSession do not agree on who can be signed in")
	}
	if err != nil {
		return out, err
	}
	if len(cookies) != len(a.cookies) {
		panic("a cookie is lost")
	}
	return adapter.Output{Header: app.header}, nil
}

// recorder is an app that signs everybody in.
type recorder struct {
	a      *loginAdapter
	header http.Header
}

func (r *recorder) Do(req *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: req}
	if r.a.csrf != nil && req.Method == http.MethodGet {
		resp.Body = io.NopCloser(strings.NewReader(`<input name="csrfmiddlewaretoken" value="t0k3n">`))
		return resp, nil
	}
	resp.StatusCode = r.a.status[0]
	resp.Header.Set("Location", "/in")
	for _, name := range slices.Concat(r.a.cookies, r.a.required) {
		resp.Header.Add("Set-Cookie", name+"=1; Path=/")
	}
	for _, name := range r.a.owned.Headers {
		if values := req.Header.Values(name); values != nil {
			r.header[http.CanonicalHeaderKey(name)] = values
		}
	}
	body, err := io.ReadAll(req.Body)
	if len(body) > 0 {
		r.header.Set(bodyHeader, string(body))
	}
	return resp, err
}

// bodyParts is what an app reads in a form or in JSON.
func bodyParts(name, value string) ([]adaptertest.Part, bool) {
	if name != bodyHeader {
		return nil, false
	}
	form, err := url.ParseQuery(value)
	if strings.HasPrefix(value, "{") {
		form, err = url.Values{}, nil
		var members map[string]any
		if err := json.Unmarshal([]byte(value), &members); err != nil {
			panic(err)
		}
		device, _ := members["device"].(map[string]any)
		for name, v := range device {
			members["device."+name] = v
		}
		delete(members, "device")
		for name, v := range members {
			switch v := v.(type) {
			case string:
				form[name] = []string{v}
			case []any:
				for _, item := range v {
					form.Add(name, item.(string))
				}
			}
		}
	}
	if err != nil {
		panic(err)
	}
	var parts []adaptertest.Part
	for name, values := range form {
		parts = append(parts, adaptertest.Part{Name: name, Values: values, IsList: strings.HasSuffix(name, "groups") || strings.HasSuffix(name, "roles")})
	}
	slices.SortFunc(parts, func(a, b adaptertest.Part) int { return strings.Compare(a.Name, b.Name) })
	return parts, true
}

func TestConformance(t *testing.T) {
	shared := accountsOf(&adapter.Accounts{Roles: map[string]adapter.Account{"Viewer": {"username": "v", "password": "x"}, "Viewer-2": {"username": "w", "password": "x"}}})
	form := formOptions()
	form.Credentials = accountsOf(&adapter.Accounts{
		Emails: map[string]adapter.Account{adaptertest.Ann().Email: {"username": "ann", "password": "x"}},
	})
	words := formOptions()
	words.Credentials, words.Domains = shared, []string{"example.com"}
	words.Form["email"] = Field{From: "email", Required: true, Words: value.Words{Lower: true}}
	words.Form["login"] = Field{From: "email_local", Words: value.Words{Lower: true, Replace: map[string]string{"+": "-plus-"}, Allow: "a-z0-9.+-", MaxLength: 200}}
	words.Form["groups"] = Field{From: "groups", Unsendable: "omit"}
	words.Form["dept"] = Field{Claim: "department", Words: value.Words{Map: map[string]string{"Engineering": "7"}, Unmapped: "omit"}}
	words.Form["rule"] = Field{From: "rule", Words: value.Words{Prefix: "by "}}
	words.Form["roles"] = Field{From: "roles"}
	words.Header = map[string]Field{"X-User-Id": {From: "subject", Encode: "base64", Required: true}}
	members := jsonOptions()
	members.Credentials = shared
	delete(members.JSON, "device.name")
	for _, tt := range []struct {
		name string
		o    Options
		// knownBy leaves out accounts that people of a role share.
		knownBy []string
	}{{"header", headerOptions(), nil}, {"form", form, nil}, {"every word", words, []string{"email", "X-User-Id"}}, {"JSON", members, []string{}}} {
		t.Run(tt.name, func(t *testing.T) {
			adaptertest.Run(t, func(tb testing.TB) adapter.Adapter {
				tb.Helper()
				return asHeader{mustOpen(tb, tt.o)}
			}, adaptertest.Options{Read: bodyParts, KnownBy: tt.knownBy})
			adaptertest.RunSessions(t, func(tb testing.TB) adapter.SessionStarter {
				tb.Helper()
				return mustOpen(tb, tt.o)
			}, adaptertest.SessionOptions{App: func() adapter.Caller { return &recorder{a: mustOpen(t, tt.o), header: http.Header{}} }})
		})
	}
}
