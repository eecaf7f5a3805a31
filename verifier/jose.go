package verifier

// This file is the only one that imports jwx (a linter sees to it), so that its
// next major version is a change of one file. Of jwx it uses the parser of
// single JWKs and the signature primitives. Never jwt.Parse or jws.Parse: they
// accept every serialisation there is, and compact is all that Pomerium writes.

import (
	"crypto"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// checkSignature reports whether key made signature over signingInput. The
// caller has checked that the header's algorithm is the key's.
func checkSignature(key Key, signingInput string, signature []byte) error {
	v, err := jws.NewVerifier(jwa.SignatureAlgorithm(key.Algorithm))
	if err != nil {
		return err
	}
	return v.Verify([]byte(signingInput), signature, key.Public)
}

// jwkMembers are the members of a JWK that decide whether it is for us
// (RFC 7517 §4), and those that make it a secret (RFC 7518 §6).
type jwkMembers struct {
	KeyType    string         `json:"kty"`
	ID         string         `json:"kid"`
	Use        *string        `json:"use"`
	Operations []string       `json:"key_ops"`
	Algorithm  *string        `json:"alg"`
	Private    jsontext.Value `json:"d"`
	Prime      jsontext.Value `json:"p"` // of an RSA key: as good as "d"
	Symmetric  jsontext.Value `json:"k"`
}

// maxKeys bounds a set; Pomerium publishes one to three keys.
const maxKeys = 100

// ParseJWKS reads a JWK Set (RFC 7517 §5) and returns the keys that may verify
// assertions: public, P-256 or RSA of 2048 to 8192 bits, for signatures, with
// no algorithm besides the one they can have. Other keys are left out, as an
// issuer may publish them for other uses. The whole set is refused if it is
// not strict JSON, if it holds a private or a symmetric key (whoever published
// that has published the power to sign), if two keys share an ID, or if no
// usable key is left.
func ParseJWKS(data []byte) ([]Key, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, errors.New("parsing JWKS: not a JSON object with a list \"keys\"")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("parsing JWKS: %d keys, over the limit of %d", len(set.Keys), maxKeys)
	}
	var (
		keys    []Key
		skipped []error
		seen    = make(map[string]bool, len(set.Keys))
	)
	for i, raw := range set.Keys {
		var m jwkMembers
		if err := json.Unmarshal(raw, &m); err != nil {
			return nil, fmt.Errorf("parsing JWKS: key %d is not a JWK", i+1)
		}
		if m.Private != nil || m.Prime != nil || m.Symmetric != nil || m.KeyType == "oct" {
			return nil, fmt.Errorf("parsing JWKS: key %d is a private or symmetric key: "+
				"whoever can read this set can sign; replace the signing key at its issuer", i+1)
		}
		if seen[m.ID] {
			return nil, fmt.Errorf("parsing JWKS: key %d has the key ID of another", i+1)
		}
		seen[m.ID] = true
		k, err := m.usable(raw)
		if err != nil {
			skipped = append(skipped, fmt.Errorf("key %d is %w", i+1, err))
			continue
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.Join(append([]error{errors.New("parsing JWKS: no usable key in it")}, skipped...)...)
	}
	return keys, nil
}

// usable returns the key if it is one for verifying assertions.
func (m *jwkMembers) usable(raw []byte) (Key, error) {
	if m.KeyType != "EC" && m.KeyType != "RSA" {
		return Key{}, errors.New("neither of type EC nor RSA")
	}
	if m.Use != nil && *m.Use != "sig" {
		return Key{}, errors.New("not for signatures (use)")
	}
	if m.Operations != nil && !slices.Contains(m.Operations, "verify") {
		return Key{}, errors.New("not for verifying (key_ops)")
	}
	parsed, err := jwk.ParseKey(raw)
	if err != nil {
		return Key{}, errors.New("not a well-formed JWK")
	}
	var public crypto.PublicKey
	if err := parsed.Raw(&public); err != nil {
		return Key{}, errors.New("not a well-formed JWK")
	}
	k, err := vet(public)
	if err != nil {
		return Key{}, err
	}
	if m.Algorithm != nil && *m.Algorithm != k.Algorithm {
		return Key{}, fmt.Errorf("for another algorithm than %s", k.Algorithm)
	}
	k.ID = m.ID
	return k, nil
}
