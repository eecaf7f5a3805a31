package bridge_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/config"
)

// signing is an adapter that signs with keys.
type signing struct {
	adapter.Adapter
	keys []crypto.PublicKey
}

func (s signing) PublicKeys() []crypto.PublicKey { return s.keys }

// TestIssuerPublishesOurKey: an issuer whose keys are fetched comes to publish one
// that signs for some app. Nothing under it is an assertion then, for any app.
func TestIssuerPublishesOurKey(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, ours := range []bool{false, true} {
		r := forumRig(t, withEdit(func(c *config.Config) {
			for _, a := range c.Apps {
				if a.Name == "forum" {
					keys := []crypto.PublicKey{&other.PublicKey}
					if ours { // past what package config compares
						keys = append(keys, c.Issuers[0].Static[0].Public)
					}
					a.Adapter = signing{a.Adapter, keys}
				}
			}
		}))
		resp := r.get()
		if !ours {
			wantStatus(t, resp, http.StatusOK)
			continue
		}
		wantStatus(t, resp, http.StatusServiceUnavailable)
		if r.upstream.connections() > 0 {
			t.Error("the app was asked")
		}
		log := r.log.String()
		if !strings.Contains(log, "level=WARN") || !strings.Contains(log, "reason=keys_unavailable") ||
			!strings.Contains(log, "publishes the key that signs for app forum") {
			t.Errorf("the log does not say so:\n%s", log)
		}
		if text := body(t, resp); strings.Contains(text, "forum") {
			t.Errorf("the answer says so to everybody: %s", text)
		}
	}
}
