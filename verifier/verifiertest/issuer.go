package verifiertest

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Issuer signs assertions and publishes the keys for them. It is safe for
// concurrent use.
type Issuer struct {
	now     func() time.Time
	rotate  sync.Mutex             // serialises Rotate and Retire
	keys    atomic.Pointer[keySet] // never nil
	fault   atomic.Pointer[Fault]
	fetches atomic.Int64
}

// keySet is what the issuer holds at one moment; it is never modified, so that
// a signature and its key ID always belong together.
type keySet struct {
	keys []*key // the first signs, all are published
	jwks []byte
}

// Option changes what NewIssuer makes.
type Option func(*settings)

type settings struct {
	algorithm string
	signer    crypto.Signer
	hasSigner bool
	now       func() time.Time
}

// RSA makes the issuer sign with RSA keys of 2048 bits (RS256) instead of P-256
// keys (ES256). Generating one takes noticeable time.
func RSA() Option { return func(s *settings) { s.algorithm = rs256 } }

// Key makes the issuer sign with this P-256 or RSA key instead of generating
// one. The key decides the algorithm; Rotate generates further keys of its type.
func Key(signer crypto.Signer) Option {
	return func(s *settings) { s.signer, s.hasSigner = signer, true }
}

// Clock makes the issuer take the time from now instead of time.Now.
func Clock(now func() time.Time) Option { return func(s *settings) { s.now = now } }

// NewIssuer returns an issuer with one signing key: P-256 unless an option says
// otherwise.
func NewIssuer(o ...Option) (*Issuer, error) {
	s := settings{algorithm: es256, now: time.Now}
	for _, option := range o {
		option(&s)
	}
	var k *key
	var err error
	if s.hasSigner {
		k, err = newKey(s.signer)
	} else {
		k, err = generateKey(s.algorithm)
	}
	if err != nil {
		return nil, fmt.Errorf("making an issuer: %w", err)
	}
	// A key that cannot sign, such as an RSA key too short for Go, shows here
	// and not as a panic in Assertion.
	if _, err := k.sign(nil); err != nil {
		return nil, fmt.Errorf("making an issuer: %w", err)
	}
	i := &Issuer{now: s.now}
	i.keys.Store(newKeySet(k))
	return i, nil
}

func newKeySet(keys ...*key) *keySet {
	published := make([][]byte, len(keys))
	for i, k := range keys {
		published[i] = k.jwk
	}
	var b bytes.Buffer
	b.WriteString(`{"keys":[`)
	b.Write(bytes.Join(published, []byte(",")))
	b.WriteString(`]}`)
	return &keySet{keys: keys, jwks: b.Bytes()}
}

// Rotate generates a new key and signs with it from now on. The keys so far
// stay published, after the new one, so that what they signed remains valid.
func (i *Issuer) Rotate() error {
	i.rotate.Lock()
	defer i.rotate.Unlock()
	old := i.keys.Load().keys
	k, err := generateKey(old[0].algorithm)
	if err != nil {
		return fmt.Errorf("rotating the signing key: %w", err)
	}
	i.keys.Store(newKeySet(append([]*key{k}, old...)...))
	return nil
}

// Retire stops publishing every key but the signing one. What the others signed
// is still signed, but no longer to be trusted.
func (i *Issuer) Retire() {
	i.rotate.Lock()
	defer i.rotate.Unlock()
	i.keys.Store(newKeySet(i.keys.Load().keys[0]))
}

func (i *Issuer) signingKey() *key { return i.keys.Load().keys[0] }

// KeyID returns the signing key's ID: its RFC 7638 thumbprint in lower-case hex.
func (i *Issuer) KeyID() string { return i.signingKey().id }

// PublicKey returns the public half of the signing key.
func (i *Issuer) PublicKey() crypto.PublicKey { return i.signingKey().signer.Public() }

// PublicPEM returns the public half of the signing key as a PEM block.
func (i *Issuer) PublicPEM() []byte {
	der, err := x509.MarshalPKIXPublicKey(i.PublicKey())
	if err != nil {
		panic(fmt.Sprintf("verifiertest: encoding the public key: %v", err))
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// JWKS returns the published keys, the signing one first, exactly as Handler
// serves them while no fault is set.
func (i *Issuer) JWKS() []byte { return bytes.Clone(i.keys.Load().jwks) }
