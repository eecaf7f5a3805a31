package verifier_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// heapInUse is what is still allocated after a full collection.
func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestVerifyUnknownKeyIDFlood: 100,000 assertions, each under a key ID of its
// own, over ten times 30 s. They cause one fetch in each of the ten, and nothing
// is kept of any of them.
func TestVerifyUnknownKeyIDFlood(t *testing.T) {
	const (
		intervals   = 10
		perInterval = 10_000
		growth      = 8 << 20
	)
	run(t, func(t *testing.T, issuer *verifiertest.Issuer, keys *verifier.RemoteKeys, net *inMemory) {
		// Regular fetches would come between: they are put off beyond the test.
		issuer.SetFault(func(w http.ResponseWriter, _ *http.Request, jwks []byte) []byte {
			w.Header().Set("Cache-Control", "max-age=900")
			_, _ = w.Write(jwks)
			return nil
		})
		pass(time.Until(keys.Status().NextRefresh))
		net.fetched()
		v, err := verifier.New(keys, verifier.Options{Issuer: host, Audience: []string{host}, MaxLifetime: -1})
		if err != nil {
			t.Fatal(err)
		}
		good := issuer.Assertion(longLived())
		_, payload, _ := decodeParts(t, good)
		rest := "." + base64.RawURLEncoding.EncodeToString(payload) + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64))
		before := heapInUse()
		for interval := range intervals {
			for i := range perInterval {
				header := fmt.Sprintf(`{"alg":"ES256","kid":"%064x","typ":"JWT"}`, interval*perInterval+i)
				unknown := base64.RawURLEncoding.EncodeToString([]byte(header)) + rest
				p, err := v.Verify(t.Context(), unknown)
				wantRefusal(t, p, err, verifier.ReasonKeyUnknown, unknown)
				if i%1000 == 0 {
					pass(time.Second) // 10 s of the 30 s
				}
			}
			if _, err := v.Verify(t.Context(), good); err != nil {
				t.Errorf("a known key ID amid the flood: %v", err)
			}
			synctest.Wait()
			if n := len(net.fetched()); n != 1 {
				t.Errorf("interval %d: %d fetches, want 1", interval+1, n)
			}
			pass(20 * time.Second)
		}
		if after := heapInUse(); after > before+growth {
			t.Errorf("the heap grew from %d to %d bytes", before, after)
		}
	})
}
