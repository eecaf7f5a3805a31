package adaptertest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/adaptertest"
)

// appCredentials are nobody's.
const appCredentials = `[subject."google-oauth2|104583909997507305030"]
username = "ann"
password = "correct horse"
[email."zoe+grafana@example.com"]
username = "zoë"
password = "battery staple"
`

// signInHeader stands for what signs somebody in, beside headers.
const signInHeader = "X-Sign-In"

// login is what a preset of kind login says of the app.
type login struct {
	Cookies    []string
	Form, JSON map[string]map[string]any
	CSRF       struct{ Field string }
	Success    struct {
		Status  []int
		Cookies []string
	}
}

// options are what an [adapter.NAME] must add.
func (l login) options() string {
	var lines []string
	if len(l.Cookies) == 0 {
		lines = append(lines, `cookies = ["session"]`)
	}
	if len(l.Form)+len(l.JSON) > 0 {
		lines = append(lines, `credentials = { file = "app.credentials" }`)
	}
	return strings.Join(lines, "\n")
}

// loggingIn is an adapter of kind login that signs in with every request.
type loggingIn struct {
	adapter.SessionStarter
	login
}

func (a loggingIn) Owns() adapter.Owned {
	owned := a.SessionStarter.Owns()
	owned.Headers = append(slices.Clone(owned.Headers), signInHeader)
	return owned
}

func (a loggingIn) Adapt(ctx context.Context, in adapter.Input) (adapter.Output, error) {
	out, err := a.SessionStarter.Adapt(ctx, in)
	if len(out.Header)+len(out.Cookies) > 0 {
		panic("a request is told something")
	}
	if err != nil {
		return out, err
	}
	app := &signedIn{a: a, header: http.Header{}}
	if _, err = a.StartSession(ctx, in, app); err != nil {
		return out, err
	}
	return adapter.Output{Header: app.header}, nil
}

// signedIn is an app that signs everybody in, and keeps what it is told.
type signedIn struct {
	a      loggingIn
	header http.Header
}

func (s *signedIn) Do(req *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: req}
	line := req.Method + " " + req.URL.String()
	if field := s.a.CSRF.Field; field != "" && req.Method == http.MethodGet {
		resp.Body = io.NopCloser(strings.NewReader(fmt.Sprintf("<input name=%q value=%q>", field, "t0k3n")))
		s.header.Set(signInHeader, line)
		return resp, nil
	}
	resp.StatusCode = s.a.Success.Status[0]
	resp.Header.Set("Location", "/home")
	for _, name := range slices.Concat(s.a.SessionPlan().Cookies, s.a.Success.Cookies) {
		resp.Header.Add("Set-Cookie", name+"=1; Path=/")
	}
	for _, name := range s.a.SessionStarter.Owns().Headers {
		if values := req.Header.Values(name); values != nil {
			s.header[http.CanonicalHeaderKey(name)] = values
		}
	}
	body, err := io.ReadAll(req.Body)
	s.header.Set(signInHeader, strings.TrimPrefix(s.header.Get(signInHeader)+" | ", " | ")+line+" | "+string(body))
	return resp, err
}

// signIn returns what the app reads in the body of a sign-in.
func (p preset) signIn(header, value string) (lines string, fields url.Values, is bool) {
	if p.Kind != "login" || header != signInHeader {
		return "", nil, false
	}
	i := strings.LastIndex(value, " | ")
	lines, body := value[:i], value[i+len(" | "):]
	if strings.HasPrefix(body, "{") {
		var members map[string]string
		if err := json.Unmarshal([]byte(body), &members); err != nil {
			panic(err)
		}
		fields = url.Values{}
		for name, text := range members {
			fields.Set(name, text)
		}
		return lines, fields, true
	}
	fields, err := url.ParseQuery(body)
	if err != nil {
		panic(err)
	}
	return lines, fields, true
}

func (p preset) readSignIn(header, value string) ([]adaptertest.Part, bool) {
	_, fields, is := p.signIn(header, value)
	var parts []adaptertest.Part
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		parts = append(parts, adaptertest.Part{Name: name, Values: fields[name]})
	}
	return parts, is
}

// openSignIn is what a golden file says of a sign-in.
func (p preset) openSignIn(header, value string) (text string, is bool) {
	lines, fields, is := p.signIn(header, value)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		lines += fmt.Sprintf("\n      %s: %q", name, fields.Get(name))
	}
	return lines, is
}
