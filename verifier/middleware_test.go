package verifier_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

func TestMiddleware(t *testing.T) {
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := verifier.ParsePEM(issuer.PublicPEM())
	if err != nil {
		t.Fatal(err)
	}
	v, err := verifier.New(verifier.StaticKeys(keys...), verifier.Options{Issuer: "app.example.com", Audience: []string{"app.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	unavailable, err := verifier.New(noKeys{}, verifier.Options{Issuer: "app.example.com", Audience: []string{"app.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	valid := issuer.Assertion(verifiertest.Claims{Audience: "app.example.com", Subject: "ann-id", Email: "ann@example.com"})
	foreign := issuer.Assertion(verifiertest.Claims{Audience: "other.example.com", Subject: "ann-id"})

	called := 0
	byContext := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called++
		_, _ = io.WriteString(w, verifier.FromContext(r.Context()).Email)
	})
	byArgument := func(w http.ResponseWriter, _ *http.Request, p *verifier.Principal) {
		called++
		_, _ = io.WriteString(w, p.Email)
	}
	var reason verifier.Reason
	custom := verifier.MiddlewareOptions{
		Header: "x-assertion",
		Refuse: func(w http.ResponseWriter, _ *http.Request, err *verifier.Error) {
			reason = err.Reason
			w.WriteHeader(http.StatusTeapot)
		},
	}
	for name, tc := range map[string]struct {
		handler http.Handler
		header  http.Header
		status  int
		body    string
	}{
		"valid":              {v.Middleware(verifier.MiddlewareOptions{}, byContext), http.Header{"X-Pomerium-Jwt-Assertion": {valid}}, 200, "ann@example.com"},
		"valid, by argument": {v.Handler(verifier.MiddlewareOptions{}, byArgument), http.Header{"X-Pomerium-Jwt-Assertion": {valid}}, 200, "ann@example.com"},
		"none":               {v.Middleware(verifier.MiddlewareOptions{}, byContext), nil, 401, "not signed in\n"},
		"two":                {v.Middleware(verifier.MiddlewareOptions{}, byContext), http.Header{"X-Pomerium-Jwt-Assertion": {valid, valid}}, 401, "not signed in\n"},
		"another app's":      {v.Handler(verifier.MiddlewareOptions{}, byArgument), http.Header{"X-Pomerium-Jwt-Assertion": {foreign}}, 401, "not signed in\n"},
		"in another header":  {v.Middleware(verifier.MiddlewareOptions{}, byContext), http.Header{"Authorization": {"Bearer " + valid}}, 401, "not signed in\n"},
		"keys unavailable":   {unavailable.Middleware(verifier.MiddlewareOptions{}, byContext), http.Header{"X-Pomerium-Jwt-Assertion": {valid}}, 503, "sign-in cannot be checked right now\n"},
		"custom header":      {v.Middleware(custom, byContext), http.Header{"X-Assertion": {valid}}, 200, "ann@example.com"},
		"custom refusal":     {v.Middleware(custom, byContext), http.Header{"X-Pomerium-Jwt-Assertion": {valid}}, 418, ""},
	} {
		t.Run(name, func(t *testing.T) {
			called = 0
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.Header = tc.header
			if r.Header == nil {
				r.Header = http.Header{}
			}
			w := httptest.NewRecorder()
			tc.handler.ServeHTTP(w, r)
			if w.Code != tc.status || w.Body.String() != tc.body {
				t.Errorf("%d %q, want %d %q", w.Code, w.Body, tc.status, tc.body)
			}
			if want := tc.status == 200; (called == 1) != want {
				t.Errorf("the handler was called %d times", called)
			}
			if w.Code == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
				t.Error("a 401 without a challenge")
			}
		})
	}
	if reason != verifier.ReasonMissing {
		t.Errorf("custom refusal was told %q", reason)
	}
}

// A handler that somebody forgot to protect must not go on as nobody.
func TestFromContextPanicsWithoutMiddleware(t *testing.T) {
	defer func() {
		if p, _ := recover().(string); !strings.Contains(p, "not behind Verifier.Middleware") {
			t.Errorf("recovered %q", p)
		}
	}()
	verifier.FromContext(t.Context())
}

// noKeys is a KeySource of somebody else's, with errors of its own.
type noKeys struct{}

func (noKeys) Key(context.Context, string) (verifier.Key, error) {
	return verifier.Key{}, errors.New("key store is down")
}
