package verifiertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"testing"
)

// publicOnly is a signer of which a test needs the public half only.
type publicOnly struct{ public crypto.PublicKey }

func (p publicOnly) Public() crypto.PublicKey { return p.public }

func (publicOnly) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("no private key")
}

func decode(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func rsaPublic(t *testing.T, n string) *rsa.PublicKey {
	t.Helper()
	return &rsa.PublicKey{N: new(big.Int).SetBytes(decode(t, n)), E: 65537}
}

func ecPublic(t *testing.T, x, y string) *ecdsa.PublicKey {
	t.Helper()
	point := append(append([]byte{4}, decode(t, x)...), decode(t, y)...)
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		t.Fatal(err)
	}
	return public
}

// TestKeyIDOfRFC7638 takes the example of RFC 7638, section 3.1, whose
// thumbprint the RFC gives in base64url.
func TestKeyIDOfRFC7638(t *testing.T) {
	const n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
	k, err := newKey(publicOnly{rsaPublic(t, n)})
	if err != nil {
		t.Fatal(err)
	}
	if want := hex.EncodeToString(decode(t, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")); k.id != want {
		t.Errorf("key ID %s, want %s", k.id, want)
	}
}

// TestPublishedKeyAsPomerium compares with what Pomerium's own tests expect it
// to publish. The vectors are from github.com/pomerium/pomerium,
// pkg/cryptutil/jose_test.go (Apache-2.0); only the public halves are used.
func TestPublishedKeyAsPomerium(t *testing.T) {
	const (
		n = "67KjqmQYGq0MVtACVpeCmXminlQbDPGLmsZAUEwueHQnrt3WtvpDOm6AlaJMUnW-Hu55jjokalKeVjTKmgYGbqUzVDoMbPDaHekltdBTMGlOUFsP4UJSDrO4zdN-zo428TX2PnG2FCdVKGy4PE8ilHbWLcr871YjV51fw8CLDX9PZJNu861CF7V9iEJm6sSfQlmnhN8j3-WzVbPQNy1WsR7i9e9j63EqKt22Q9OXL-WAcKskoISmCNVRUAjU8YRVcgQJB-zQ34AQPlz0Op5O_QN_MedjaF8wLS-iv_zviS8cqPbxo6sLq6FNTltk_QkxeCeKKTQe_3kPYvQAdnl65Q"
		x = "oLZD26lGXDHQBhafGelEfD7e6f3iDcYROV7TlYHtquc"
		y = "DxP4R8IH2jHKgDxZRY58iayK2mtXgpWBNs0SkgTXeaU"
	)
	tests := map[string]struct {
		public      crypto.PublicKey
		jwk, header string
	}{
		"P-256": {
			public: ecPublic(t, x, y),
			jwk:    `{"use":"sig","kty":"EC","kid":"d591aa6e01e57ea8b80f349dc5de8517aa7b1f12f77700d89cbdba83938c0c61","crv":"P-256","alg":"ES256","x":"` + x + `","y":"` + y + `"}`,
			header: `{"alg":"ES256","kid":"d591aa6e01e57ea8b80f349dc5de8517aa7b1f12f77700d89cbdba83938c0c61","typ":"JWT"}`,
		},
		"RSA": {
			public: rsaPublic(t, n),
			jwk:    `{"use":"sig","kty":"RSA","kid":"f0cc8033b422c2a199dcb456dde29589a9f5edd27d1c345bdf308957e957becf","alg":"RS256","n":"` + n + `","e":"AQAB"}`,
			header: `{"alg":"RS256","kid":"f0cc8033b422c2a199dcb456dde29589a9f5edd27d1c345bdf308957e957becf","typ":"JWT"}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			k, err := newKey(publicOnly{tt.public})
			if err != nil {
				t.Fatal(err)
			}
			if string(k.jwk) != tt.jwk {
				t.Errorf("JWK\n got %s\nwant %s", k.jwk, tt.jwk)
			}
			if string(k.header) != tt.header {
				t.Errorf("header\n got %s\nwant %s", k.header, tt.header)
			}
			if set := newKeySet(k, k); string(set.jwks) != `{"keys":[`+tt.jwk+`,`+tt.jwk+`]}` {
				t.Errorf("JWKS %s", set.jwks)
			}
		})
	}
}

// TestPublishedCoordinatesArePadded: a coordinate that happens to begin with a
// zero byte keeps it (RFC 7518, section 6.2.1.2). One key in 128 has one.
func TestPublishedCoordinatesArePadded(t *testing.T) {
	for name, private := range map[string]byte{"Y": 43, "X and Y full": 1} {
		t.Run(name, func(t *testing.T) {
			scalar := make([]byte, coordinateSize)
			scalar[coordinateSize-1] = private
			signer, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar)
			if err != nil {
				t.Fatal(err)
			}
			k, err := newKey(signer)
			if err != nil {
				t.Fatal(err)
			}
			var published jwk
			if err := json.Unmarshal(k.jwk, &published); err != nil {
				t.Fatal(err)
			}
			x, y := decode(t, published.X), decode(t, published.Y)
			if len(x) != coordinateSize || len(y) != coordinateSize {
				t.Errorf("coordinates of %d and %d bytes", len(x), len(y))
			}
			if wantZero := name == "Y"; (y[0] == 0) != wantZero {
				t.Errorf("the test's key has Y % x", y)
			}
			if !ecPublic(t, published.X, published.Y).Equal(signer.Public()) {
				t.Error("the published key is another")
			}
		})
	}
}

func TestRawSignature(t *testing.T) {
	type sig struct{ R, S *big.Int }
	der := func(r, s *big.Int) []byte {
		b, err := asn1.Marshal(sig{r, s})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	tooBig := new(big.Int).Lsh(big.NewInt(1), 8*coordinateSize)
	largest := new(big.Int).Sub(tooBig, big.NewInt(1))

	raw, err := rawSignature(der(big.NewInt(1), largest))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := hex.EncodeToString(raw), "0000000000000000000000000000000000000000000000000000000000000001"+
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for name, bad := range map[string][]byte{
		"R too large":   der(tooBig, big.NewInt(1)),
		"S too large":   der(big.NewInt(1), tooBig),
		"trailing data": append(der(big.NewInt(1), big.NewInt(1)), 0),
		"not ASN.1":     []byte("signature"),
		"empty":         nil,
	} {
		if raw, err := rawSignature(bad); err == nil {
			t.Errorf("%s: got % x, want an error", name, raw)
		}
	}
}
