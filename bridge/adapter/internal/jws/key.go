// Package jws signs what kinds hand to apps (RFC 7515), with the bridge's own
// keys, and publishes these. It verifies nothing: that is for package verifier
// and for apps.
package jws

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
)

// Key is a key of the bridge.
type Key struct {
	// ID is the key's thumbprint (RFC 7638); empty: a secret.
	ID string
	// Algorithm is ES256, RS256, EdDSA or HS256. The key decides which, so that
	// no token can have its algorithm chosen for it.
	Algorithm string
	// Public is nil for a secret.
	Public crypto.PublicKey

	signer crypto.Signer // nil: publishes only
	secret []byte
	jwk    jwk
}

// The sizes of RSA keys that are accepted: below, they can be broken; above, a
// signature takes so long that a few requests are a load.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// minSecretBytes is RFC 7518 §3.2's.
const minSecretBytes = 32

const makeKey = "`" + makeECKey + "` makes one"

const makeECKey = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256"

// ParsePEM reads a file that holds one key: a private one (PKCS#8, SEC 1 or
// PKCS#1), or of a key that is only published still, the public one (PKIX).
func ParsePEM(data []byte) (*Key, error) {
	var found *pem.Block
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type == "EC PARAMETERS" { // openssl writes it before the key
			continue
		}
		if found != nil {
			return nil, errors.New("more than one PEM block; write one key per file")
		}
		found = block
	}
	if found == nil {
		return nil, errors.New("no key in PEM found; " + makeKey)
	}
	parsed, err := parseBlock(found)
	if err != nil {
		return nil, err
	}
	return newKey(parsed)
}

func parseBlock(block *pem.Block) (any, error) {
	var (
		parsed any
		err    error
	)
	switch block.Type {
	case "PRIVATE KEY":
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		parsed, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		if block.Headers["DEK-Info"] != "" {
			return nil, errors.New("the key is encrypted; write it without a passphrase, in a file that only ssobridge can read")
		}
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "PUBLIC KEY":
		parsed, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("the key is encrypted; write it without a passphrase, in a file that only ssobridge can read")
	default:
		return nil, fmt.Errorf("a PEM block %q is no key; %s", block.Type, makeKey)
	}
	if err != nil {
		return nil, errors.New("the key cannot be read; " + makeKey) // err might quote it
	}
	return parsed, nil
}

func newKey(parsed any) (*Key, error) {
	k := &Key{Public: parsed}
	if signer, private := parsed.(crypto.Signer); private {
		k.signer, k.Public = signer, signer.Public()
	}
	switch public := k.Public.(type) {
	case *ecdsa.PublicKey:
		if public.Curve != elliptic.P256() {
			return nil, fmt.Errorf("an EC key on %s; use P-256 (ES256): %s", public.Params().Name, makeKey)
		}
		point, err := public.Bytes() // 4, x, y
		if err != nil {
			return nil, errors.New("the key's point is not on P-256; " + makeKey)
		}
		k.Algorithm = "ES256"
		k.jwk = jwk{Curve: "P-256", KeyType: "EC", X: encode(point[1:33]), Y: encode(point[33:])}
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return nil, fmt.Errorf("an RSA key of %d bits; use %d to %d", bits, minRSABits, maxRSABits)
		}
		k.Algorithm = "RS256"
		k.jwk = jwk{Exponent: encode(big.NewInt(int64(public.E)).Bytes()), KeyType: "RSA", Modulus: encode(public.N.Bytes())}
	case ed25519.PublicKey:
		k.Algorithm = "EdDSA"
		k.jwk = jwk{Curve: "Ed25519", KeyType: "OKP", X: encode(public)}
	default:
		return nil, errors.New("neither an EC key (P-256) nor an RSA nor an Ed25519 key; " + makeKey)
	}
	// The members that make the thumbprint are those set by now, in the order of
	// the struct, which is RFC 7638 §3.3's.
	text, err := json.Marshal(k.jwk)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	k.ID = encode(sum[:])
	k.jwk.Use, k.jwk.Algorithm, k.jwk.ID = "sig", k.Algorithm, k.ID
	return k, nil
}

// FromSecret returns an HS256 key: whoever checks its signatures can make them.
func FromSecret(secret string) (*Key, error) {
	if len(secret) < minSecretBytes {
		return nil, fmt.Errorf("shorter than %d bytes, which HS256 needs: `openssl rand -hex 32` makes one", minSecretBytes)
	}
	return &Key{Algorithm: "HS256", secret: []byte(secret)}, nil
}

// KeyTypes are the types of keys that sign, as RFC 7518 §6.1 and RFC 8037 §2 name
// them, and how people call such keys.
var KeyTypes = map[string]string{"EC": "an EC key", "OKP": "an Ed25519 key", "RSA": "an RSA key"}

// Type is one of KeyTypes; empty: a secret.
func (k *Key) Type() string { return k.jwk.KeyType }

// MakeKey is the command that makes a key of a type.
func MakeKey(keyType string) string {
	switch keyType {
	case "RSA":
		return "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072"
	case "OKP":
		return "openssl genpkey -algorithm ED25519"
	default:
		return makeECKey
	}
}

// Signs reports whether the key can sign, rather than only be published.
func (k *Key) Signs() bool { return k.signer != nil || k.secret != nil }

// jwk is a public key (RFC 7517 §4, RFC 8037), its members in the order of the
// alphabet as far as they make the thumbprint.
type jwk struct {
	Curve    string `json:"crv,omitempty"`
	Exponent string `json:"e,omitempty"`
	KeyType  string `json:"kty"`
	Modulus  string `json:"n,omitempty"`
	X        string `json:"x,omitempty"`
	Y        string `json:"y,omitempty"`

	Use       string `json:"use,omitempty"`
	Algorithm string `json:"alg,omitempty"`
	ID        string `json:"kid,omitempty"`
}

// JWKS returns the public keys as a JSON Web Key Set (RFC 7517 §5). Secrets are
// left out.
func JWKS(keys []*Key) ([]byte, error) {
	set := struct {
		Keys []jwk `json:"keys"`
	}{Keys: []jwk{}}
	for _, k := range keys {
		if k.Public != nil {
			set.Keys = append(set.Keys, k.jwk)
		}
	}
	return json.Marshal(set)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
