package verifier_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// A service behind Pomerium that fetches its keys and says who is there.
func Example() {
	// In your service this is Pomerium: the URL is
	// https://YOUR-ROUTE/.well-known/pomerium/jwks.json
	pomerium, err := verifiertest.NewIssuer()
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(pomerium.Handler())
	defer server.Close()

	keys, err := verifier.NewRemoteKeys(verifier.RemoteKeysOptions{URL: server.URL + verifiertest.JWKSPath})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	if err := keys.Refresh(ctx); err != nil { // or serve without, and refuse until they are there
		log.Fatal(err)
	}
	var background sync.WaitGroup
	background.Go(func() { keys.Run(ctx) })
	defer background.Wait()
	defer stop()

	v, err := verifier.New(keys, verifier.Options{
		Issuer:   "wiki.example.com",
		Audience: []string{"wiki.example.com"},
	})
	if err != nil {
		log.Fatal(err)
	}
	// Without a person, this function is not called.
	wiki := v.Handler(verifier.MiddlewareOptions{}, func(w http.ResponseWriter, _ *http.Request, person *verifier.Principal) {
		_, _ = fmt.Fprintf(w, "hello %s, member of %q", person.Name, person.Groups)
	})

	for _, assertion := range []string{
		pomerium.Assertion(verifiertest.Claims{Audience: "wiki.example.com", Subject: "u1", Name: "Ann", Groups: []string{"sre"}}),
		pomerium.Assertion(verifiertest.Claims{Audience: "grafana.example.com", Subject: "u1", Name: "Ann"}),
	} {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Header.Set("X-Pomerium-Jwt-Assertion", assertion)
		w := httptest.NewRecorder()
		wiki.ServeHTTP(w, r)
		fmt.Println(w.Code, strings.TrimSpace(w.Body.String()))
	}
	// Output:
	// 200 hello Ann, member of ["sre"]
	// 401 not signed in
}

// The reason of a refusal is for logs and metrics; it holds nothing that a client
// sent.
func ExampleVerifier_Verify() {
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		log.Fatal(err)
	}
	keys, err := verifier.ParseJWKS(issuer.JWKS())
	if err != nil {
		log.Fatal(err)
	}
	v, err := verifier.New(verifier.StaticKeys(keys...), verifier.Options{
		Issuer:   "wiki.example.com",
		Audience: []string{"wiki.example.com"},
	})
	if err != nil {
		log.Fatal(err)
	}

	ofAnotherApp := issuer.Assertion(verifiertest.Claims{
		Issuer: "wiki.example.com", Audience: "grafana.example.com", Subject: "u1",
	})
	_, err = v.Verify(context.Background(), ofAnotherApp)
	if refusal, ok := errors.AsType[*verifier.Error](err); ok {
		fmt.Println(refusal.Reason)
	}
	// Output:
	// audience_mismatch
}

// Where the issuer cannot be reached, its public key can come from a file.
func ExampleParsePEM() {
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		log.Fatal(err)
	}
	keys, err := verifier.ParsePEM(issuer.PublicPEM())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(keys[0].Algorithm, keys[0].ID == issuer.KeyID())
	// Output:
	// ES256 true
}

// Around handlers that you have, Middleware puts the person into the request's
// context. FromContext panics where there is none, so a handler that somebody
// forgot to protect answers nothing at all.
func ExampleVerifier_Middleware() {
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		log.Fatal(err)
	}
	keys, err := verifier.ParsePEM(issuer.PublicPEM())
	if err != nil {
		log.Fatal(err)
	}
	v, err := verifier.New(verifier.StaticKeys(keys...), verifier.Options{Issuer: "wiki.example.com", Audience: []string{"wiki.example.com"}})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /profile", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, verifier.FromContext(r.Context()).Email)
	})
	app := v.Middleware(verifier.MiddlewareOptions{}, mux)

	r := httptest.NewRequest(http.MethodGet, "/profile", http.NoBody)
	r.Header.Set(verifier.AssertionHeader, issuer.Assertion(verifiertest.Claims{
		Audience: "wiki.example.com", Subject: "u1", Email: "ann@example.com",
	}))
	w := httptest.NewRecorder()
	app.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output: 200 ann@example.com
}
