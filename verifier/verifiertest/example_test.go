package verifiertest_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// The header of a request as it arrives from Pomerium, and the server that
// publishes the key for its assertion.
func Example() {
	issuer, err := verifiertest.NewIssuer(verifiertest.Clock(func() time.Time {
		return time.Date(2026, time.September, 1, 12, 0, 0, 0, time.UTC)
	}))
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(issuer.Handler())
	defer server.Close()
	// Your code fetches the keys from server.URL + verifiertest.JWKSPath.

	header := http.Header{}
	header.Set("X-Pomerium-Jwt-Assertion", issuer.Assertion(verifiertest.Claims{
		Audience: "grafana.example.com",
		Subject:  "ann",
		Email:    "ann@example.com",
		Groups:   []string{"sre"},
		ID:       "0b0a7a5e-6d3c-4c1c-9d57-0e7e1c9b6a54",
	}))

	_, rest, _ := strings.Cut(header.Get("X-Pomerium-Jwt-Assertion"), ".")
	payload, _, _ := strings.Cut(rest, ".")
	claims, _ := base64.RawURLEncoding.DecodeString(payload)
	fmt.Println(strings.ReplaceAll(string(claims), `,"`, ",\n \""))
	// Output:
	// {"aud":"grafana.example.com",
	//  "email":"ann@example.com",
	//  "exp":1788264300,
	//  "groups":["sre"],
	//  "iat":1788264000,
	//  "iss":"grafana.example.com",
	//  "jti":"0b0a7a5e-6d3c-4c1c-9d57-0e7e1c9b6a54",
	//  "name":"",
	//  "sid":"",
	//  "sub":"ann",
	//  "user":"ann"}
}

// An issuer that rotates its key and then has an outage.
func ExampleIssuer_SetFault() {
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		log.Fatal(err)
	}
	keys := func() {
		response := httptest.NewRecorder()
		request := httptest.NewRequestWithContext(context.Background(), http.MethodGet, verifiertest.JWKSPath, http.NoBody)
		issuer.Handler().ServeHTTP(response, request)
		fmt.Println(response.Code, strings.Count(response.Body.String(), `"kid"`))
	}

	keys()
	if err := issuer.Rotate(); err != nil {
		log.Fatal(err)
	}
	keys()
	issuer.SetFault(verifiertest.Status(http.StatusServiceUnavailable))
	keys()
	issuer.SetFault(nil)
	issuer.Retire()
	keys()
	fmt.Println(issuer.Fetches(), "fetches")
	// Output:
	// 200 1
	// 200 2
	// 503 0
	// 200 1
	// 4 fetches
}

// An assertion with one thing wrong: the signature is right, but the header
// points to keys of the attacker's choice.
func ExampleIssuer_Sign() {
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		log.Fatal(err)
	}
	header := `{"alg":"ES256","jku":"https://mallory.example/keys","kid":"` + issuer.KeyID() + `","typ":"JWT"}`
	assertion := issuer.Sign([]byte(header), []byte(`{"sub":"mallory"}`))
	fmt.Println(strings.Count(assertion, ".") + 1)
	// Output: 3
}
