package verifiertest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

func TestFaultBodies(t *testing.T) {
	tests := map[string]struct {
		fault verifiertest.Fault
		want  string
	}{
		"EmptySet":   {verifiertest.EmptySet, `{"keys":null}`},
		"Garbage":    {verifiertest.Garbage, "<!doctype html><title>Sign in</title><p>Please sign in to the network."},
		"Body":       {verifiertest.Body(`{"keys":[{"kty":"oct","k":"AA"}]}`), `{"keys":[{"kty":"oct","k":"AA"}]}`},
		"empty Body": {verifiertest.Body(""), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			issuer := newIssuer(t)
			url := serve(t, issuer).URL + verifiertest.JWKSPath
			etag := get(t, url).header.Get("ETag")
			issuer.SetFault(tt.fault)
			// A condition that held before the fault must not hide it.
			got := getWith(t, url, "If-None-Match", etag)
			if got.code != http.StatusOK || got.body != tt.want {
				t.Errorf("%d, %s", got.code, got.body)
			}
			if value := got.header.Get("Content-Type"); value != "application/json" {
				t.Errorf("Content-Type %q", value)
			}
			issuer.SetFault(nil)
			if got := get(t, url); got.body != string(issuer.JWKS()) {
				t.Errorf("healthy again: %s", got.body)
			}
			if n := issuer.Fetches(); n != 3 {
				t.Errorf("%d fetches counted, want 3", n)
			}
		})
	}
}

func TestFaultTypedNil(t *testing.T) {
	issuer := newIssuer(t)
	url := serve(t, issuer).URL + verifiertest.JWKSPath
	issuer.SetFault(verifiertest.Fault(nil))
	if got := get(t, url); got.code != http.StatusOK || got.body != string(issuer.JWKS()) {
		t.Errorf("%d, %s", got.code, got.body)
	}
}

func TestFaultLeavesTheRestAlone(t *testing.T) {
	issuer := newIssuer(t)
	url := serve(t, issuer).URL
	issuer.SetFault(verifiertest.Status(http.StatusServiceUnavailable))
	if ids := publishedIDs(t, string(issuer.JWKS())); len(ids) != 1 {
		t.Errorf("JWKS publishes %v", ids)
	}
	if got := get(t, url+"/.well-known/pomerium"); got.code != http.StatusOK {
		t.Errorf("discovery: %d", got.code)
	}
	if !verifies(t, issuer.PublicKey(), issuer.Assertion(alice())) {
		t.Error("an assertion does not verify")
	}
}

func TestFaultStatus(t *testing.T) {
	issuer := newIssuer(t)
	url := serve(t, issuer).URL + verifiertest.JWKSPath
	for _, code := range []int{http.StatusNotFound, http.StatusInternalServerError, http.StatusBadGateway} {
		issuer.SetFault(verifiertest.Status(code))
		if got := get(t, url); got.code != code {
			t.Errorf("status %d, want %d", got.code, code)
		}
	}
}

func TestFaultRedirect(t *testing.T) {
	issuer := newIssuer(t)
	url := serve(t, issuer).URL + verifiertest.JWKSPath
	issuer.SetFault(verifiertest.Redirect("https://elsewhere.example/keys"))
	got := get(t, url)
	if location := got.header.Get("Location"); got.code != http.StatusFound || location != "https://elsewhere.example/keys" {
		t.Errorf("%d to %q", got.code, location)
	}
}

func TestFaultExtraOKP(t *testing.T) {
	issuer := newIssuer(t)
	url := serve(t, issuer).URL + verifiertest.JWKSPath
	issuer.SetFault(verifiertest.ExtraOKP)
	body := get(t, url).body
	healthy := string(issuer.JWKS())
	want := healthy[:len(healthy)-len(`]}`)] + `,{"kty":"OKP","kid":"pomerium/hpke","crv":"X25519","x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"}]}`
	if body != want {
		t.Errorf("got %s\nwant %s", body, want)
	}
}

func TestFaultHuge(t *testing.T) {
	issuer := newIssuer(t)
	url := serve(t, issuer).URL + verifiertest.JWKSPath
	const n = 3<<20 + 1
	issuer.SetFault(verifiertest.Huge(n))
	body := get(t, url).body
	if len(body) < n || len(body) > n+1024 || !json.Valid([]byte(body)) {
		t.Errorf("%d bytes, valid: %t", len(body), json.Valid([]byte(body)))
	}
	if ids := publishedIDs(t, body); len(ids) != 1 || ids[0] != issuer.KeyID() {
		t.Errorf("published %v", ids)
	}
}

// TestFaultHugeEndsWithTheClient: a client that stops reading ends the response,
// or Server.Close in the cleanup would wait for ever.
func TestFaultHugeEndsWithTheClient(t *testing.T) {
	issuer := newIssuer(t)
	url := serve(t, issuer).URL + verifiertest.JWKSPath
	issuer.SetFault(verifiertest.Huge(1 << 62))
	response, err := http.DefaultTransport.RoundTrip(newRequest(t, http.MethodGet, url))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.ReadFull(response.Body, make([]byte, 1<<20)); err != nil {
		t.Error(err)
	}
}

// arrivals wraps a fault so that a test knows when a request has reached it.
func arrivals(f verifiertest.Fault) (verifiertest.Fault, <-chan struct{}) {
	arrived := make(chan struct{})
	return func(w http.ResponseWriter, r *http.Request, jwks []byte) []byte {
		arrived <- struct{}{}
		return f(w, r, jwks)
	}, arrived
}

type fetched struct {
	body string
	err  error
}

// fetch fetches in the background.
func fetch(ctx context.Context, url string) <-chan fetched {
	result := make(chan fetched, 1)
	go func() {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			result <- fetched{err: err}
			return
		}
		response, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			result <- fetched{err: err}
			return
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		result <- fetched{string(body), err}
	}()
	return result
}

func TestFaultsThatWait(t *testing.T) {
	for name, wait := range map[string]func(<-chan struct{}) verifiertest.Fault{
		"Hang": verifiertest.Hang, "Stall": verifiertest.Stall,
	} {
		t.Run(name, func(t *testing.T) {
			issuer := newIssuer(t)
			url := serve(t, issuer).URL + verifiertest.JWKSPath
			release := make(chan struct{})
			fault, arrived := arrivals(wait(release))
			issuer.SetFault(fault)

			asked := issuer.JWKS()
			result := fetch(t.Context(), url)
			<-arrived
			if n := issuer.Fetches(); n != 1 {
				t.Errorf("while it waits, %d fetches counted, want 1", n)
			}
			// Neither signing nor rotating waits for a request that hangs.
			if err := issuer.Rotate(); err != nil {
				t.Fatal(err)
			}
			issuer.Assertion(alice())
			select {
			case got := <-result:
				t.Fatalf("answered before it was let go: %+v", got)
			default:
			}
			close(release)
			if got := <-result; got.err != nil || got.body != string(asked) {
				t.Errorf("got %+v, want the keys as of the request's arrival", got)
			}
		})
		t.Run(name+", client gives up", func(t *testing.T) {
			issuer := newIssuer(t)
			url := serve(t, issuer).URL + verifiertest.JWKSPath
			fault, arrived := arrivals(wait(nil))
			issuer.SetFault(fault)
			ctx, giveUp := context.WithCancel(t.Context())
			result := fetch(ctx, url)
			<-arrived
			giveUp()
			if got := <-result; !errors.Is(got.err, context.Canceled) {
				t.Errorf("got %+v, want a cancelled fetch", got)
			}
		})
	}
}

// TestFaultStallSendsTheHeader: the response begins before it stalls.
func TestFaultStallSendsTheHeader(t *testing.T) {
	issuer := newIssuer(t)
	url := serve(t, issuer).URL + verifiertest.JWKSPath
	issuer.SetFault(verifiertest.Stall(nil))
	response, err := http.DefaultTransport.RoundTrip(newRequest(t, http.MethodGet, url))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		t.Error(response.Status)
	}
	half := make([]byte, len(issuer.JWKS())/2)
	if _, err := io.ReadFull(response.Body, half); err != nil || string(half) != string(issuer.JWKS()[:len(half)]) {
		t.Errorf("read %q, %v", half, err)
	}
}

func TestFaultCutOff(t *testing.T) {
	issuer := newIssuer(t)
	url := serve(t, issuer).URL + verifiertest.JWKSPath
	issuer.SetFault(verifiertest.CutOff)
	got := <-fetch(t.Context(), url)
	if !errors.Is(got.err, io.ErrUnexpectedEOF) || got.body != string(issuer.JWKS()[:len(issuer.JWKS())/2]) {
		t.Errorf("got %+v, want half of the keys", got)
	}
}
