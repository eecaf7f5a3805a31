package verifier

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math"
	"math/big"
)

// The algorithms that assertions may be signed with (RFC 7518 §3.1).
const (
	ES256 = "ES256" // ECDSA with P-256 and SHA-256; Pomerium's default
	RS256 = "RS256" // RSASSA-PKCS1-v1_5 with SHA-256
)

// Key is one vetted public key of an issuer.
type Key struct {
	// ID is the key ID as the issuer publishes it; empty only where a JWKS
	// holds a key without one.
	ID string
	// Algorithm is ES256 or RS256: the only one this key is for.
	Algorithm string
	// Public is an *ecdsa.PublicKey on P-256 or an *rsa.PublicKey of 2048 to
	// 8192 bits.
	Public crypto.PublicKey

	fast *fastES256 // nil: checked by the standard library
	// other is the key of the same ID for the other algorithm; nil: there is none.
	other *Key
}

// Alternatives returns the key and, if the issuer has one of the same ID for the other
// algorithm, that.
func (k Key) Alternatives() []Key {
	if k.other == nil {
		return []Key{k}
	}
	return []Key{k, *k.other}
}

// KeySource finds the keys of one issuer.
type KeySource interface {
	// Key returns the key of exactly this ID, with its [Key.Alternatives]. Its error is an *Error with
	// ReasonKeyUnknown or ReasonKeysUnavailable, so that "no such key" and "I
	// cannot know" stay apart.
	Key(ctx context.Context, keyID string) (Key, error)
}

// keySet is an immutable set of keys; the map and nothing else decides.
type keySet map[string]Key

// newKeySet returns the set of keys that comes after before; nil: the first.
func newKeySet(keys []Key, before keySet) keySet {
	keys = withTables(keys, before)
	for i := range keys {
		keys[i].other = nil
	}
	set := make(keySet, len(keys))
	for _, k := range keys {
		if first, there := set[k.ID]; there && first.Algorithm != k.Algorithm {
			second := k
			first.other = &second
			k = first
		}
		set[k.ID] = k
	}
	// An assertion without a key ID can only mean the one key there is
	// (RFC 7517 §4.5 makes the ID optional).
	if len(keys) == 1 {
		set[""] = keys[0]
	}
	return set
}

func (s keySet) find(keyID string) (Key, error) {
	if k, ok := s[keyID]; ok {
		return k, nil
	}
	return Key{}, refuse(ReasonKeyUnknown, "issuer has no key of this key ID")
}

// StaticKeys is a KeySource of keys that do not change.
func StaticKeys(keys ...Key) KeySource { return staticKeys{newKeySet(keys, nil)} }

type staticKeys struct{ set keySet }

func (s staticKeys) Key(_ context.Context, keyID string) (Key, error) { return s.set.find(keyID) }

// ParsePEM reads public keys (PKIX "PUBLIC KEY" blocks) and certificates. Each
// key's ID is the one that Pomerium gives it: its RFC 7638 thumbprint in hex.
// Of a certificate the key alone counts: neither its dates nor who issued it.
// A private key is an error: the verifier's machine has no business with it.
func ParsePEM(data []byte) ([]Key, error) {
	var keys []Key
	begun := bytes.Count(data, []byte("-----BEGIN "))
	for n := 1; ; n++ {
		var block *pem.Block
		block, data = pem.Decode(data)
		if block == nil {
			break
		}
		public, err := parsePEMBlock(block)
		if err != nil {
			return nil, fmt.Errorf("PEM block %d: %w", n, err)
		}
		k, err := vet(public)
		if err != nil {
			return nil, fmt.Errorf("PEM block %d: %w", n, err)
		}
		k.ID = thumbprint(k.Public)
		keys = append(keys, k)
	}
	if len(keys) < begun {
		// encoding/pem skips what it cannot read, without a word.
		return nil, fmt.Errorf("%d PEM blocks begin, but only %d can be read", begun, len(keys))
	}
	if len(keys) == 0 {
		return nil, errors.New("no PEM block found; a public key starts with -----BEGIN PUBLIC KEY-----")
	}
	return keys, nil
}

func parsePEMBlock(block *pem.Block) (crypto.PublicKey, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "CERTIFICATE":
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return c.PublicKey, nil
	case "EC PRIVATE KEY", "RSA PRIVATE KEY", "PRIVATE KEY", "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("this is a private key; give the public half, which " +
			"`openssl pkey -in KEY.pem -pubout` prints, and keep the private key with Pomerium")
	default:
		return nil, fmt.Errorf("type %q is neither PUBLIC KEY nor CERTIFICATE", block.Type)
	}
}

// The sizes of RSA keys, in bits: shorter ones can be factored, longer ones
// make each check a denial of service.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// vet decides whether a public key may verify assertions, and by which
// algorithm. It is asked when keys are loaded, not when they are used.
func vet(public crypto.PublicKey) (Key, error) {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return Key{}, errors.New("an EC key on a curve other than P-256")
		}
		if _, err := k.ECDH(); err != nil { // checks that the point is on the curve
			return Key{}, errors.New("an EC key whose point is not on P-256")
		}
		return Key{Algorithm: ES256, Public: k}, nil
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return Key{}, fmt.Errorf("an RSA key of %d bits; %d to %d are accepted", bits, minRSABits, maxRSABits)
		}
		// crypto/rsa takes no exponent over 31 bits.
		if k.E < 3 || k.E > math.MaxInt32 || k.E%2 == 0 || k.N.Bit(0) == 0 {
			return Key{}, errors.New("an RSA key with a modulus or exponent that no RSA key has")
		}
		return Key{Algorithm: RS256, Public: k}, nil
	default:
		return Key{}, fmt.Errorf("a %T; P-256 and RSA keys are accepted", public)
	}
}

// thumbprint is the RFC 7638 SHA-256 thumbprint in lower-case hex, which is how
// Pomerium names its keys (pkg/cryptutil/jose.go there).
func thumbprint(public crypto.PublicKey) string {
	var canonical string
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		point, err := k.Bytes() // 4 ‖ X ‖ Y, 32 bytes each
		if err != nil {
			return ""
		}
		canonical = fmt.Sprintf(`{"crv":"P-256","kty":"EC","x":"%s","y":"%s"}`,
			base64.RawURLEncoding.EncodeToString(point[1:33]), base64.RawURLEncoding.EncodeToString(point[33:]))
	case *rsa.PublicKey:
		canonical = fmt.Sprintf(`{"e":"%s","kty":"RSA","n":"%s"}`,
			base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.E)).Bytes()),
			base64.RawURLEncoding.EncodeToString(k.N.Bytes()))
	}
	sum := sha256.Sum256([]byte(canonical))
	return hex.EncodeToString(sum[:])
}
