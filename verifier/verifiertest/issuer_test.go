package verifiertest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// publishedIDs returns the key IDs in a JWKS.
func publishedIDs(t *testing.T, jwks string) []string {
	t.Helper()
	var set struct {
		Keys []struct {
			ID string `json:"kid"`
		} `json:"keys"`
	}
	if err := json.Unmarshal([]byte(jwks), &set); err != nil {
		t.Fatal(err)
	}
	ids := make([]string, len(set.Keys))
	for i, k := range set.Keys {
		ids[i] = k.ID
	}
	return ids
}

// failingSigner is a key that says it is P-256 and cannot sign.
type failingSigner struct{ *ecdsa.PrivateKey }

func (failingSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("the card was removed")
}

func TestNewIssuerRefusesKeys(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		signer crypto.Signer
		want   string
	}{
		"none":       {nil, "making an issuer: no signing key"},
		"P-384":      {p384, "making an issuer: signing key on curve P-384: Pomerium signs with P-256 only"},
		"Ed25519":    {ed, "making an issuer: signing key of type ed25519.PublicKey: Pomerium signs with P-256 or RSA keys only"},
		"that fails": {failingSigner{fixedKey(t)}, "making an issuer: signing with ES256: the card was removed"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := verifiertest.NewIssuer(verifiertest.Key(tt.signer)); err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestPublicPEM(t *testing.T) {
	issuer := newIssuer(t)
	block, rest := pem.Decode(issuer.PublicPEM())
	if block == nil || block.Type != "PUBLIC KEY" || len(rest) > 0 {
		t.Fatalf("got %s", issuer.PublicPEM())
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if !issuer.PublicKey().(*ecdsa.PublicKey).Equal(public) {
		t.Error("the PEM block holds another key")
	}
}

func TestJWKSIsACopy(t *testing.T) {
	issuer := newIssuer(t)
	clear(issuer.JWKS())
	if ids := publishedIDs(t, string(issuer.JWKS())); len(ids) != 1 {
		t.Errorf("published %v", ids)
	}
}

func TestRotateAndRetire(t *testing.T) {
	for name, o := range map[string][]verifiertest.Option{
		"ES256":       nil,
		"RS256":       {verifiertest.RSA()},
		"a given key": {verifiertest.Key(fixedKey(t))},
	} {
		t.Run(name, func(t *testing.T) {
			issuer := newIssuer(t, o...)
			firstID, firstKey, before := issuer.KeyID(), issuer.PublicKey(), issuer.Assertion(alice())

			if err := issuer.Rotate(); err != nil {
				t.Fatal(err)
			}
			secondID, after := issuer.KeyID(), issuer.Assertion(alice())
			if secondID == firstID {
				t.Error("the key ID has not changed")
			}
			if got, want := publishedIDs(t, string(issuer.JWKS())), []string{secondID, firstID}; !slices.Equal(got, want) {
				t.Errorf("after rotating, published %v, want %v", got, want)
			}
			if header, _, _ := parts(t, after); !strings.Contains(string(header), secondID) {
				t.Errorf("header %s has not the new key ID", header)
			}
			if !verifies(t, firstKey, before) || !verifies(t, issuer.PublicKey(), after) {
				t.Error("an assertion does not verify under the key of its time")
			}
			if verifies(t, firstKey, after) {
				t.Error("a new assertion verifies under the old key")
			}

			issuer.Retire()
			if got, want := publishedIDs(t, string(issuer.JWKS())), []string{secondID}; !slices.Equal(got, want) {
				t.Errorf("after retiring, published %v, want %v", got, want)
			}
			if issuer.KeyID() != secondID {
				t.Error("retiring has changed the signing key")
			}
		})
	}
}

func TestRotateKeepsTheKindOfKey(t *testing.T) {
	issuer := newIssuer(t, verifiertest.RSA())
	if err := issuer.Rotate(); err != nil {
		t.Fatal(err)
	}
	if _, ok := issuer.PublicKey().(*rsa.PublicKey); !ok {
		t.Errorf("after rotating an RSA key: %T", issuer.PublicKey())
	}
}

// TestConcurrentUse is for the race detector. It also checks that an assertion
// always names the key that signed it, however often the key changes.
func TestConcurrentUse(t *testing.T) {
	issuer := newIssuer(t)
	var (
		mu   sync.Mutex
		keys = map[string]crypto.PublicKey{issuer.KeyID(): issuer.PublicKey()}
		all  []string
		wg   sync.WaitGroup
	)
	wg.Go(func() { // the only one to rotate, so that it sees every key
		for range 20 {
			if err := issuer.Rotate(); err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			keys[issuer.KeyID()] = issuer.PublicKey()
			mu.Unlock()
		}
	})
	for range 4 {
		wg.Go(func() {
			for range 20 {
				minted := append(issuer.Assertions(3, alice()), issuer.Assertion(alice()))
				mu.Lock()
				all = append(all, minted...)
				mu.Unlock()
				issuer.Retire()
				issuer.SetFault(verifiertest.EmptySet)
				issuer.SetFault(nil)
				_, _, _ = issuer.JWKS(), issuer.PublicPEM(), issuer.Fetches()
			}
		})
	}
	wg.Wait()
	for _, assertion := range all {
		header, _, _ := parts(t, assertion)
		var h struct {
			ID string `json:"kid"`
		}
		if err := json.Unmarshal(header, &h); err != nil {
			t.Fatal(err)
		}
		if keys[h.ID] == nil || !verifies(t, keys[h.ID], assertion) {
			t.Fatal("an assertion does not verify under the key that it names")
		}
	}
}
