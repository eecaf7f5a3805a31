package jws

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
)

// Signer makes compact serialisations with one key and one header. It is safe
// for concurrent use.
type Signer struct {
	key    *Key
	header []byte // encoded, with the dot
}

// NewSigner returns a Signer whose header has typ, the key's algorithm and, of a
// key that is published, its ID; and no other member, as each is one more thing
// for readers to be led by.
func NewSigner(k *Key, typ string) (*Signer, error) {
	if !k.Signs() {
		return nil, errors.New("a public key cannot sign")
	}
	header, err := json.Marshal(struct {
		Algorithm string `json:"alg"`
		ID        string `json:"kid,omitempty"`
		Type      string `json:"typ"`
	}{k.Algorithm, k.ID, typ})
	if err != nil {
		return nil, err
	}
	return &Signer{k, append(base64.RawURLEncoding.AppendEncode(nil, header), '.')}, nil
}

// Sign appends the compact serialisation of payload to dst.
func (s *Signer) Sign(dst, payload []byte) ([]byte, error) {
	start := len(dst)
	dst = append(dst, s.header...)
	dst = base64.RawURLEncoding.AppendEncode(dst, payload)
	signature, err := s.key.sign(dst[start:])
	if err != nil {
		return nil, fmt.Errorf("signing with %s: %w", s.key.Algorithm, err)
	}
	return base64.RawURLEncoding.AppendEncode(append(dst, '.'), signature), nil
}

// sign returns the signature of data as RFC 7518 §3 and RFC 8037 §3.1 want it.
func (k *Key) sign(data []byte) ([]byte, error) {
	digest := sha256.Sum256(data)
	switch key := k.signer.(type) {
	case nil:
		mac := hmac.New(sha256.New, k.secret)
		mac.Write(data)
		return mac.Sum(nil), nil
	case *ecdsa.PrivateKey:
		der, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
		if err != nil {
			return nil, err
		}
		return fixed(der)
	case *rsa.PrivateKey:
		return rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	case ed25519.PrivateKey:
		return ed25519.Sign(key, data), nil
	default:
		return nil, errors.New("not a key of this package")
	}
}

// fixed turns an ECDSA signature on P-256 into two numbers of 32 bytes each
// (RFC 7518 §3.4).
func fixed(der []byte) ([]byte, error) {
	var signature struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &signature); err != nil || len(rest) > 0 {
		return nil, errors.New("the signature cannot be read")
	}
	raw := make([]byte, 64)
	signature.R.FillBytes(raw[:32])
	signature.S.FillBytes(raw[32:])
	return raw, nil
}
