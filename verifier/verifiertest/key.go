package verifiertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
)

// The two algorithms that Pomerium signs with; the key's type decides.
const (
	es256 = "ES256"
	rs256 = "RS256"
)

// coordinateSize is the length of a P-256 coordinate, and of R and of S in an
// ES256 signature (RFC 7518, sections 3.4 and 6.2.1.2).
const coordinateSize = 32

// key is one signing key and its public face.
type key struct {
	signer    crypto.Signer
	algorithm string
	id        string
	jwk       []byte // as published
	header    []byte // JOSE header of every assertion under this key
}

// jwk has the members of a public JSON Web Key in the order in which Pomerium
// publishes them.
type jwk struct {
	Use string `json:"use"`
	Kty string `json:"kty"`
	Kid string `json:"kid"`
	Crv string `json:"crv,omitempty"`
	Alg string `json:"alg"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
	N   string `json:"n,omitempty"`
	E   string `json:"e,omitempty"`
}

func generateKey(algorithm string) (*key, error) {
	var signer crypto.Signer
	var err error
	if algorithm == rs256 {
		signer, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return nil, fmt.Errorf("generating an %s key: %w", algorithm, err)
	}
	return newKey(signer)
}

func newKey(signer crypto.Signer) (*key, error) {
	if signer == nil {
		return nil, errors.New("no signing key")
	}
	public := jwk{Use: "sig"}
	var canonical string // RFC 7638: required members, sorted, no spaces
	switch pub := signer.Public().(type) {
	case *ecdsa.PublicKey:
		if pub.Curve != elliptic.P256() {
			return nil, fmt.Errorf("signing key on curve %s: Pomerium signs with P-256 only", pub.Params().Name)
		}
		point, err := pub.Bytes() // 4 || X || Y, each of full length
		if err != nil {
			return nil, fmt.Errorf("encoding the public key: %w", err)
		}
		public.Kty, public.Alg, public.Crv = "EC", es256, "P-256"
		public.X, public.Y = encode(point[1:1+coordinateSize]), encode(point[1+coordinateSize:])
		canonical = `{"crv":"P-256","kty":"EC","x":"` + public.X + `","y":"` + public.Y + `"}`
	case *rsa.PublicKey:
		public.Kty, public.Alg = "RSA", rs256
		public.N, public.E = encode(pub.N.Bytes()), encode(big.NewInt(int64(pub.E)).Bytes())
		canonical = `{"e":"` + public.E + `","kty":"RSA","n":"` + public.N + `"}`
	default:
		return nil, fmt.Errorf("signing key of type %T: Pomerium signs with P-256 or RSA keys only", pub)
	}

	// Most issuers use the thumbprint in base64url; Pomerium uses it in hex.
	thumbprint := sha256.Sum256([]byte(canonical))
	public.Kid = hex.EncodeToString(thumbprint[:])
	published, err := json.Marshal(public)
	if err != nil {
		return nil, fmt.Errorf("encoding the public key: %w", err)
	}
	return &key{
		signer:    signer,
		algorithm: public.Alg,
		id:        public.Kid,
		jwk:       published,
		header:    []byte(`{"alg":"` + public.Alg + `","kid":"` + public.Kid + `","typ":"JWT"}`),
	}, nil
}

// sign returns the JWS signature of input: PKCS #1 v1.5 for RS256, R || S for
// ES256.
func (k *key) sign(input []byte) ([]byte, error) {
	digest := sha256.Sum256(input)
	signature, err := k.signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("signing with %s: %w", k.algorithm, err)
	}
	if k.algorithm == es256 {
		return rawSignature(signature)
	}
	return signature, nil
}

// rawSignature turns the ASN.1 form, which every crypto.Signer returns, into
// the fixed-length form of RFC 7518, section 3.4.
func rawSignature(der []byte) ([]byte, error) {
	var sig struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(der, &sig)
	if err != nil {
		return nil, fmt.Errorf("decoding an ECDSA signature: %w", err)
	}
	if len(rest) > 0 || sig.R.BitLen() > 8*coordinateSize || sig.S.BitLen() > 8*coordinateSize {
		return nil, errors.New("decoding an ECDSA signature: not of P-256")
	}
	raw := make([]byte, 2*coordinateSize)
	sig.R.FillBytes(raw[:coordinateSize])
	sig.S.FillBytes(raw[coordinateSize:])
	return raw, nil
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
