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
	"strings"

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
// (RFC 7517 §4), its public ones, and those that make it a secret (RFC 7518 §6).
type jwkMembers struct {
	KeyType    string   `json:"kty"`
	ID         string   `json:"kid"`
	Use        *string  `json:"use"`
	Operations []string `json:"key_ops"`
	Algorithm  *string  `json:"alg"`

	Curve    string         `json:"crv"`
	X        jsontext.Value `json:"x"`
	Y        jsontext.Value `json:"y"`
	Modulus  jsontext.Value `json:"n"`
	Exponent jsontext.Value `json:"e"`

	Private   jsontext.Value `json:"d"`
	Symmetric jsontext.Value `json:"k"`
	Seed      jsontext.Value `json:"priv"` // of post-quantum keys
	// Of RSA keys, each as good as "d".
	P    jsontext.Value `json:"p"`
	Q    jsontext.Value `json:"q"`
	DP   jsontext.Value `json:"dp"`
	DQ   jsontext.Value `json:"dq"`
	QI   jsontext.Value `json:"qi"`
	More jsontext.Value `json:"oth"`
}

func (m *jwkMembers) secret() bool {
	return m.KeyType == "oct" || slices.ContainsFunc([]jsontext.Value{
		m.Private, m.Symmetric, m.Seed, m.P, m.Q, m.DP, m.DQ, m.QI, m.More,
	}, func(v jsontext.Value) bool { return v != nil })
}

// maxKeys bounds a set; Pomerium publishes one to three keys.
const maxKeys = 100

// JWKS is a JWK Set as far as it can be used.
type JWKS struct {
	Keys []Key
	// Skipped says of each key that is not used which it is and why.
	Skipped []string
}

// ParseJWKS is [ReadJWKS] for who does not ask what was skipped.
func ParseJWKS(data []byte) ([]Key, error) {
	set, err := ReadJWKS(data)
	return set.Keys, err
}

// ReadJWKS reads a JWK Set (RFC 7517 §5) for the keys that may verify
// assertions: public, P-256 or RSA of 2048 to 8192 bits, for signatures, with
// no algorithm besides the one they can have. Other keys are skipped, as an
// issuer may publish them for other uses, under the same key ID too; so is one
// that is there twice. Two keys that differ, with the same ID and algorithm, are
// both skipped. The whole set is refused if it is not strict JSON, if it holds a
// private or a symmetric key (whoever published that has published the power to
// sign), or if no usable key is left.
func ReadJWKS(data []byte) (JWKS, error) {
	raws, err := keysOf(data)
	if err != nil {
		return JWKS{}, fmt.Errorf("parsing JWKS: %w", err)
	}
	if len(raws) > maxKeys {
		return JWKS{}, fmt.Errorf("parsing JWKS: %d keys, over the limit of %d", len(raws), maxKeys)
	}
	var (
		set     JWKS
		skipped []error
		numbers []int // of set.Keys in the list
	)
	skip := func(number int, id string, why error) {
		set.Skipped = append(set.Skipped, fmt.Sprintf("key %d (ID %.100q) is %v", number, id, why))
		skipped = append(skipped, fmt.Errorf("key %d is %w", number, why))
	}
	for i, raw := range raws {
		var m jwkMembers
		if err := json.Unmarshal(raw, &m); err != nil {
			return JWKS{}, fmt.Errorf("parsing JWKS: key %d is not a JWK", i+1)
		}
		if m.secret() {
			return JWKS{}, fmt.Errorf("parsing JWKS: key %d is a private or symmetric key: "+
				"whoever can read this set can sign; replace the signing key at its issuer", i+1)
		}
		k, err := m.usable(raw)
		if err != nil {
			skip(i+1, m.ID, err)
			continue
		}
		set.Keys, numbers = append(set.Keys, k), append(numbers, i+1)
	}
	set.Keys = distinct(set.Keys, numbers, skip)
	if len(set.Keys) == 0 {
		return JWKS{}, errors.Join(append([]error{errors.New("parsing JWKS: no usable key in it")}, skipped...)...)
	}
	return set, nil
}

// keysOf returns the keys of a set, or says what else it is.
func keysOf(data []byte) ([]jsontext.Value, error) {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, errors.New("not a JSON object with a list \"keys\"")
	}
	raw, present := members["keys"]
	if !present {
		return nil, errors.New(otherThanSet(members))
	}
	var keys []jsontext.Value
	if err := json.Unmarshal(raw, &keys); err != nil {
		return nil, errors.New("not a JSON object with a list \"keys\"")
	}
	return keys, nil
}

func otherThanSet(members map[string]jsontext.Value) string {
	const want = `a JWK Set is {"keys": [...]}`
	if members["kty"] != nil {
		return "it is one key, and " + want + `: write that key in the list`
	}
	for _, raw := range members {
		if strings.Contains(string(raw), "-----BEGIN CERTIFICATE-----") || strings.Contains(string(raw), "-----BEGIN PUBLIC KEY-----") {
			return "it maps key IDs to certificates or PEM keys, and " + want +
				": use the issuer's JWKS URL (Google's is https://www.googleapis.com/oauth2/v3/certs), or one of them as public_key_file"
		}
	}
	return `it has no "keys": ` + want
}

// distinct returns the keys without those that are there twice, and without those of
// which an ID and algorithm do not tell which is meant.
func distinct(keys []Key, numbers []int, skip func(number int, id string, why error)) []Key {
	same := func(a, b Key) bool {
		public, ok := a.Public.(interface{ Equal(crypto.PublicKey) bool })
		return ok && public.Equal(b.Public)
	}
	var left []Key
	for i, k := range keys {
		first := slices.IndexFunc(keys, func(o Key) bool { return o.ID == k.ID && o.Algorithm == k.Algorithm })
		switch clash := slices.ContainsFunc(keys, func(o Key) bool { return o.ID == k.ID && o.Algorithm == k.Algorithm && !same(o, k) }); {
		case clash:
			skip(numbers[i], k.ID, errors.New("one of several that differ, under the same key ID and algorithm"))
		case first < i:
			skip(numbers[i], k.ID, fmt.Errorf("the same as key %d", numbers[first]))
		default:
			left = append(left, k)
		}
	}
	return left
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
	if err := m.strict(); err != nil {
		return Key{}, fmt.Errorf("not a well-formed JWK: %w", err)
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

// strict wants numbers in the one spelling that RFC 7518 has for them: base64url
// without padding, coordinates of as many bytes as the curve has, others without
// zeros before them.
func (m *jwkMembers) strict() error {
	for _, n := range []struct {
		name       string
		raw        jsontext.Value
		coordinate bool
	}{{"x", m.X, true}, {"y", m.Y, true}, {"n", m.Modulus, false}, {"e", m.Exponent, false}} {
		if n.raw == nil {
			continue
		}
		var text string
		if err := json.Unmarshal(n.raw, &text); err != nil {
			return fmt.Errorf("%s is not a text", n.name)
		}
		number, ok := decodeBase64URL(text)
		switch {
		case !ok:
			return fmt.Errorf("%s is not base64url without padding", n.name)
		case n.coordinate && m.KeyType == "EC" && m.Curve == "P-256" && len(number) != 32:
			return fmt.Errorf("%s has %d bytes, and a coordinate on P-256 has 32", n.name, len(number))
		case !n.coordinate && len(number) > 1 && number[0] == 0:
			return fmt.Errorf("%s begins with zeros", n.name)
		}
	}
	return nil
}
