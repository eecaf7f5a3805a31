package verifier_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// clock is a clock that a test turns.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: now()} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// serve publishes the issuer's keys on loopback and returns their URL.
func serve(t *testing.T, issuer *verifiertest.Issuer) string {
	t.Helper()
	server := httptest.NewServer(issuer.Handler())
	t.Cleanup(server.Close)
	return server.URL + verifiertest.JWKSPath
}

// keyClient is the client that NewRemoteKeys uses, less patient.
func keyClient(t *testing.T) *http.Client {
	t.Helper()
	client := verifier.NewKeyClient(nil, nil)
	client.Timeout = 200 * time.Millisecond
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func newRemoteKeys(t *testing.T, o verifier.RemoteKeysOptions) *verifier.RemoteKeys {
	t.Helper()
	if o.Client == nil {
		o.Client = keyClient(t)
	}
	keys, err := verifier.NewRemoteKeys(o)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func refresh(t *testing.T, keys *verifier.RemoteKeys) {
	t.Helper()
	if err := keys.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// wantKey fails the test unless Key answers with this reason; empty: the key.
func wantKey(t *testing.T, keys verifier.KeySource, id string, want verifier.Reason) {
	t.Helper()
	k, err := keys.Key(t.Context(), id)
	if want == "" {
		if err != nil || k.ID != id {
			t.Errorf("got key %q, %v; want %q", k.ID, err, id)
		}
		return
	}
	if e, ok := err.(*verifier.Error); !ok || e.Reason != want { //nolint:errorlint // the type itself is promised
		t.Errorf("got key %q, %v; want %s", k.ID, err, want)
	}
}

func TestRemoteKeysFirstFetch(t *testing.T) {
	issuer, at := newIssuer(t), newClock()
	keys := newRemoteKeys(t, verifier.RemoteKeysOptions{URL: serve(t, issuer), Now: at.now})
	wantKey(t, keys, issuer.KeyID(), verifier.ReasonKeysUnavailable)
	if st := keys.Status(); st.Usable || len(st.Keys) != 0 || !st.ConfirmedAt.IsZero() || st.LastError != nil {
		t.Errorf("before the first fetch: %+v", st)
	}

	refresh(t, keys)
	wantKey(t, keys, issuer.KeyID(), "")
	wantKey(t, keys, "no such key", verifier.ReasonKeyUnknown)
	st := keys.Status()
	if !st.Usable || len(st.Keys) != 1 || st.Keys[0].ID != issuer.KeyID() || !st.ConfirmedAt.Equal(now()) || !strings.HasSuffix(st.URL, verifiertest.JWKSPath) {
		t.Errorf("after it: %+v", st)
	}
}

// TestRemoteKeysNotModified: the second request says what the first one got, and
// "304 Not Modified" confirms the keys.
func TestRemoteKeysNotModified(t *testing.T) {
	issuer, at := newIssuer(t), newClock()
	keys := newRemoteKeys(t, verifier.RemoteKeysOptions{URL: serve(t, issuer), Now: at.now, MaxStale: time.Hour})
	var conditions []string
	issuer.SetFault(func(_ http.ResponseWriter, r *http.Request, jwks []byte) []byte {
		conditions = append(conditions, r.Header.Get("If-None-Match"))
		return jwks
	})
	for range 3 {
		refresh(t, keys)
		at.advance(40 * time.Minute)
		wantKey(t, keys, issuer.KeyID(), "")
	}
	if conditions[0] != "" || conditions[1] == "" || conditions[1] != conditions[2] {
		t.Errorf("conditions %q", conditions)
	}
	if err := issuer.Rotate(); err != nil {
		t.Fatal(err)
	}
	refresh(t, keys)
	wantKey(t, keys, issuer.KeyID(), "")
}

// TestRemoteKeysRefuseUnconditional304: a cache that is wrong must not confirm
// keys for ever, nor make up for ones that never came.
func TestRemoteKeysRefuseUnconditional304(t *testing.T) {
	issuer := newIssuer(t)
	keys := newRemoteKeys(t, verifier.RemoteKeysOptions{URL: serve(t, issuer)})
	notModified := func(w http.ResponseWriter, _ *http.Request, _ []byte) []byte {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	wantRefused := func() {
		t.Helper()
		issuer.SetFault(notModified)
		if err := keys.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "304 Not Modified to a request without a condition") {
			t.Errorf("got %v", err)
		}
	}
	wantRefused()
	issuer.SetFault(withoutETag)
	refresh(t, keys)
	wantRefused()
	wantKey(t, keys, issuer.KeyID(), "")
}

// withoutETag is a Fault: it serves the keys with nothing to ask by later.
func withoutETag(w http.ResponseWriter, _ *http.Request, jwks []byte) []byte {
	_, _ = w.Write(jwks)
	return nil
}

// TestRemoteKeysRotation: add, switch, remove. What a withdrawn key signed is
// refused as soon as the keys are fetched again.
func TestRemoteKeysRotation(t *testing.T) {
	issuer := newIssuer(t)
	keys := newRemoteKeys(t, verifier.RemoteKeysOptions{URL: serve(t, issuer)})
	v, err := verifier.New(keys, verifier.Options{Issuer: host, Audience: []string{host}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	verify := func(assertion string, want verifier.Reason) {
		t.Helper()
		p, err := v.Verify(t.Context(), assertion)
		if want != "" {
			wantRefusal(t, p, err, want, assertion)
		} else if err != nil {
			t.Error(err)
		}
	}
	refresh(t, keys)
	before := issuer.Assertion(ann())
	verify(before, "")
	if err := issuer.Rotate(); err != nil {
		t.Fatal(err)
	}
	after := issuer.Assertion(ann())
	verify(after, verifier.ReasonKeyUnknown)
	refresh(t, keys)
	verify(before, "")
	verify(after, "")
	issuer.Retire()
	verify(before, "")
	refresh(t, keys)
	verify(before, verifier.ReasonKeyUnknown)
	verify(after, "")
}

// TestRemoteKeysMaxStale: the last good keys serve through an outage, to a limit.
func TestRemoteKeysMaxStale(t *testing.T) {
	for name, tt := range map[string]struct{ option, limit time.Duration }{
		"an hour": {time.Hour, time.Hour},
		"default": {0, verifier.DefaultMaxStale},
	} {
		t.Run(name, func(t *testing.T) {
			issuer, at := newIssuer(t), newClock()
			keys := newRemoteKeys(t, verifier.RemoteKeysOptions{URL: serve(t, issuer), Now: at.now, MaxStale: tt.option})
			refresh(t, keys)
			issuer.SetFault(verifiertest.Status(http.StatusInternalServerError))
			at.advance(tt.limit)
			if err := keys.Refresh(t.Context()); err == nil {
				t.Error("no error during the outage")
			}
			wantKey(t, keys, issuer.KeyID(), "")
			if !keys.Status().Usable {
				t.Error("at the limit: not usable")
			}
			at.advance(1)
			wantKey(t, keys, issuer.KeyID(), verifier.ReasonKeysUnavailable)
			wantKey(t, keys, "no such key", verifier.ReasonKeysUnavailable)
			if keys.Status().Usable {
				t.Error("beyond the limit: usable")
			}
			issuer.SetFault(nil)
			refresh(t, keys)
			wantKey(t, keys, issuer.KeyID(), "")
		})
	}
}

// TestRemoteKeysFaults: whatever goes wrong with a fetch, it is an error that is
// seen, the last good keys stay, and all is well when the fault is over.
func TestRemoteKeysFaults(t *testing.T) {
	attacker := newIssuer(t)
	elsewhere := serve(t, attacker)
	private := `{"keys":[{"kty":"EC","kid":"k","crv":"P-256","x":"AA","y":"AA","d":"SECRETSECRET"}]}`
	for name, tt := range map[string]struct {
		fault verifiertest.Fault
		want  string // in the error; empty: none
	}{
		"status 500":            {verifiertest.Status(http.StatusInternalServerError), "status 500"},
		"status 404":            {verifiertest.Status(http.StatusNotFound), "status 404"},
		"status 204":            {verifiertest.Status(http.StatusNoContent), "status 204"},
		"status 206":            {verifiertest.Status(http.StatusPartialContent), "status 206"},
		"empty set":             {verifiertest.EmptySet, "no usable key in it"},
		"empty body":            {verifiertest.Body(""), "not a JSON object"},
		"garbage":               {verifiertest.Garbage, "not a JSON object"},
		"huge":                  {verifiertest.Huge(2 << 20), "body over 1048576 bytes"},
		"no end of it":          {verifiertest.Huge(1 << 30), "body over 1048576 bytes"},
		"just within the limit": {verifiertest.Huge(1<<20 - 2000), ""},
		"hang":                  {verifiertest.Hang(nil), "Client.Timeout exceeded"},
		"stall in the body":     {verifiertest.Stall(nil), "Client.Timeout"},
		"cut off":               {verifiertest.CutOff, "unexpected EOF"},
		"other host":            {verifiertest.Redirect(elsewhere), "redirect to another host refused"},
		"other scheme":          {verifiertest.Redirect("https://127.0.0.1:1/"), "redirect to another host refused"},
		"link-local address":    {verifiertest.Redirect("http://169.254.169.254/latest/meta-data"), "redirect to another host refused"},
		"a file":                {verifiertest.Redirect("file:///etc/passwd"), "redirect to another host refused"},
		"redirect to itself":    {verifiertest.Redirect(verifiertest.JWKSPath), "more than 3 redirects"},
		"private key":           {verifiertest.Body(private), "private or symmetric key"},
		"symmetric key":         {verifiertest.Body(`{"keys":[{"kty":"oct","k":"SECRETSECRET"}]}`), "private or symmetric key"},
		"long header": {func(w http.ResponseWriter, _ *http.Request, jwks []byte) []byte {
			w.Header().Set("X-Padding", strings.Repeat("SECRETSECRET", 10_000))
			return jwks
		}, "server response headers exceeded"},
		"extra key for encryption": {verifiertest.ExtraOKP, ""},
	} {
		t.Run(name, func(t *testing.T) {
			issuer := newIssuer(t)
			keys := newRemoteKeys(t, verifier.RemoteKeysOptions{URL: serve(t, issuer)})
			issuer.SetFault(tt.fault)
			meet := func() error {
				err := keys.Refresh(t.Context())
				switch {
				case tt.want == "" && err != nil:
					t.Errorf("got %v", err)
				case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
					t.Errorf("got %v, want %q in it", err, tt.want)
				case err != nil && strings.Contains(err.Error(), "SECRETSECRET"):
					t.Errorf("the error repeats the response: %v", err)
				}
				return err
			}
			if err := meet(); err != nil { // from the start: no keys, and it says why
				wantKey(t, keys, issuer.KeyID(), verifier.ReasonKeysUnavailable)
				wantKey(t, keys, attacker.KeyID(), verifier.ReasonKeysUnavailable)
				if st := keys.Status(); st.LastError == nil || st.LastError.Error() != err.Error() || st.Usable {
					t.Errorf("status %+v", st)
				}
			}
			issuer.SetFault(nil)
			refresh(t, keys)
			issuer.SetFault(tt.fault)
			_ = meet() // later on: the last good keys stay
			wantKey(t, keys, issuer.KeyID(), "")
			wantKey(t, keys, attacker.KeyID(), verifier.ReasonKeyUnknown)
			if !keys.Status().Usable {
				t.Error("not usable")
			}
			issuer.SetFault(nil)
			refresh(t, keys)
			if err := keys.Status().LastError; err != nil {
				t.Errorf("after recovery: %v", err)
			}
		})
	}
	if n := attacker.Fetches(); n != 0 {
		t.Errorf("the other host was asked %d times", n)
	}
}

// TestRemoteKeysHungFetch: while the issuer hangs, nobody waits for it but who
// asked to, and those no longer than they want to.
func TestRemoteKeysHungFetch(t *testing.T) {
	issuer := newIssuer(t)
	client := verifier.NewKeyClient(nil, nil)
	t.Cleanup(client.CloseIdleConnections)
	keys := newRemoteKeys(t, verifier.RemoteKeysOptions{URL: serve(t, issuer), Client: client})
	refresh(t, keys)
	arrived, release := make(chan struct{}, 1), make(chan struct{})
	hang := verifiertest.Hang(release)
	issuer.SetFault(func(w http.ResponseWriter, r *http.Request, jwks []byte) []byte {
		arrived <- struct{}{}
		return hang(w, r, jwks)
	})
	done := make(chan error)
	go func() { done <- keys.Refresh(t.Context()) }()
	<-arrived

	var wg sync.WaitGroup // readers: a thousand finish while the fetch does not
	for range 10 {
		wg.Go(func() {
			for i := range 100 {
				wantKey(t, keys, issuer.KeyID(), "")
				wantKey(t, keys, fmt.Sprint("unknown ", i), verifier.ReasonKeyUnknown)
				keys.Status()
			}
		})
	}
	wg.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := keys.Refresh(ctx); err == nil || !strings.Contains(err.Error(), "waiting for another fetch") {
		t.Errorf("a second refresh: %v", err)
	}
	select {
	case err := <-done:
		t.Fatalf("the fetch has ended: %v", err)
	default:
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := issuer.Fetches(); n != 2 {
		t.Errorf("%d fetches, want 2", n)
	}
}

// TestRemoteKeysLog: what changes is logged once, and no key or response is.
func TestRemoteKeysLog(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "jwks_url" {
			return slog.Attr{}
		}
		return a
	}}))
	issuer := newIssuer(t)
	first := issuer.KeyID()
	keys := newRemoteKeys(t, verifier.RemoteKeysOptions{URL: serve(t, issuer), Log: logger})
	for _, f := range []verifiertest.Fault{
		nil, nil, verifiertest.Status(500), verifiertest.Status(500), verifiertest.EmptySet, nil, nil,
	} {
		issuer.SetFault(f)
		_ = keys.Refresh(t.Context())
	}
	if err := issuer.Rotate(); err != nil {
		t.Fatal(err)
	}
	refresh(t, keys)
	ids := []string{first, issuer.KeyID()}
	slices.Sort(ids)
	want := []string{
		`level=INFO msg="keys changed" key_ids=[` + first + `]`,
		`level=WARN msg="keys could not be fetched" error="fetching JWKS: status 500"`,
		`level=WARN msg="keys could not be fetched" error="parsing JWKS: no usable key in it"`,
		`level=INFO msg="keys can be fetched again"`,
		`level=INFO msg="keys changed" key_ids="[` + strings.Join(ids, " ") + `]"`,
	}
	if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(log.String()), "\n")); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}
