package verifier_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

func block(typ string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der})
}

// publicPEM is any public key as a PEM block.
func publicPEM(t *testing.T, public any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return block("PUBLIC KEY", der)
}

func TestParsePEM(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, rs := newIssuer(t, verifiertest.Key(key)), newIssuer(t, verifiertest.RSA())
	certificate, err := x509.CreateCertificate(rand.Reader,
		&x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1, 0)},
		&x509.Certificate{}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		data []byte
		want []string // key IDs
	}{
		"EC":                          {ec.PublicPEM(), []string{ec.KeyID()}},
		"RSA":                         {rs.PublicPEM(), []string{rs.KeyID()}},
		"a certificate, long expired": {block("CERTIFICATE", certificate), []string{ec.KeyID()}},
		"several, with text between":  {slices.Concat([]byte("old:\n"), rs.PublicPEM(), []byte("\nnew:\n"), ec.PublicPEM(), []byte("end\n")), []string{rs.KeyID(), ec.KeyID()}},
		"with CRLF":                   {bytes.ReplaceAll(ec.PublicPEM(), []byte("\n"), []byte("\r\n")), []string{ec.KeyID()}},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := verifier.ParsePEM(tt.data)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, k := range keys {
				got = append(got, k.ID)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			v, err := verifier.New(verifier.StaticKeys(keys...), verifier.Options{
				Issuer: host, Audience: []string{host}, Algorithms: []string{verifier.ES256, verifier.RS256}, Now: now,
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range []*verifiertest.Issuer{ec, rs} {
				_, err := v.Verify(t.Context(), i.Assertion(ann()))
				if accepted := err == nil; accepted != slices.Contains(tt.want, i.KeyID()) {
					t.Errorf("%s: %v", i.KeyID(), err)
				}
			}
		})
	}
}

// TestThumbprintsAreFullLength: a coordinate that begins with a zero byte keeps
// it, or one key in 128 would have another ID than its issuer says.
func TestThumbprintsAreFullLength(t *testing.T) {
	scalar := make([]byte, 32)
	scalar[31] = 43 // its Y begins so
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar)
	if err != nil {
		t.Fatal(err)
	}
	issuer := newIssuer(t, verifiertest.Key(key))
	keys, err := verifier.ParsePEM(issuer.PublicPEM())
	if err != nil {
		t.Fatal(err)
	}
	if keys[0].ID != issuer.KeyID() {
		t.Errorf("got %s, want %s", keys[0].ID, issuer.KeyID())
	}
	if keys, err = verifier.ParseJWKS(issuer.JWKS()); err != nil || !key.PublicKey.Equal(keys[0].Public) {
		t.Errorf("from JWKS: %v, %v", keys, err)
	}
}

func TestParsePEMRefuses(t *testing.T) {
	const isPrivate = "PEM block 1: this is a private key; give the public half, which " +
		"`openssl pkey -in KEY.pem -pubout` prints, and keep the private key with Pomerium"
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edPublic, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	short := &rsa.PublicKey{N: new(big.Int).SetBit(new(big.Int).Lsh(big.NewInt(1), 1023), 0, 1), E: 65537}
	good := publicPEM(t, key.Public())
	damaged := bytes.Replace(good, []byte("\n"), []byte("\n!"), 1)
	for name, tt := range map[string]struct {
		data []byte
		want string // how the error begins
	}{
		"EC PRIVATE KEY":               {block("EC PRIVATE KEY", sec1), isPrivate},
		"PRIVATE KEY":                  {block("PRIVATE KEY", pkcs8), isPrivate},
		"RSA PRIVATE KEY":              {block("RSA PRIVATE KEY", []byte("x")), isPrivate},
		"ENCRYPTED PRIVATE KEY":        {block("ENCRYPTED PRIVATE KEY", []byte("x")), isPrivate},
		"a private key after a public": {slices.Concat(good, block("PRIVATE KEY", pkcs8)), strings.Replace(isPrivate, "1", "2", 1)},
		"a certificate request":        {block("CERTIFICATE REQUEST", []byte("x")), `PEM block 1: type "CERTIFICATE REQUEST" is neither PUBLIC KEY nor CERTIFICATE`},
		"PKCS #1":                      {block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(short)), `PEM block 1: type "RSA PUBLIC KEY" is neither`},
		"P-384":                        {publicPEM(t, p384.Public()), "PEM block 1: an EC key on a curve other than P-256"},
		"Ed25519":                      {publicPEM(t, edPublic), "PEM block 1: a ed25519.PublicKey; P-256 and RSA keys are accepted"},
		"RSA of 1024 bits":             {publicPEM(t, short), "PEM block 1: an RSA key of 1024 bits; 2048 to 8192 are accepted"},
		"a bad one after a good one":   {slices.Concat(good, publicPEM(t, edPublic)), "PEM block 2: "},
		"no key in it":                 {block("PUBLIC KEY", []byte("x")), "PEM block 1: "},
		"no certificate in it":         {block("CERTIFICATE", []byte("x")), "PEM block 1: "},
		"damaged":                      {damaged, "1 PEM blocks begin, but only 0 can be read"},
		"a damaged one after a good":   {slices.Concat(good, damaged), "2 PEM blocks begin, but only 1 can be read"},
		"a damaged one before a good":  {slices.Concat(damaged, good), "2 PEM blocks begin, but only 1 can be read"},
		"cut off":                      {good[:len(good)-20], "1 PEM blocks begin, but only 0 can be read"},
		"nothing":                      {nil, "no PEM block found; a public key starts with -----BEGIN PUBLIC KEY-----"},
		"a JWKS":                       {newIssuer(t).JWKS(), "no PEM block found"},
		"an OpenSSH key":               {[]byte("ecdsa-sha2-nistp256 AAAA ann@example.com\n"), "no PEM block found"},
		"the DER without the PEM":      {pkcs8, "no PEM block found"},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := verifier.ParsePEM(tt.data)
			if keys != nil || err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, %v; want %s", keys, err, tt.want)
			}
		})
	}
}
