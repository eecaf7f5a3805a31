package verifier_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"math/big"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// splitSignature returns what is signed and the raw signature.
func splitSignature(t *testing.T, assertion string) (input string, signature []byte) {
	t.Helper()
	_, _, signature = decodeParts(t, assertion)
	return assertion[:strings.LastIndexByte(assertion, '.')], signature
}

func TestVerifyRefusesES256Signatures(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issuer, attacker := newIssuer(t, verifiertest.Key(key)), newIssuer(t)
	input, good := splitSignature(t, issuer.Assertion(ann()))
	other := ann()
	other.Subject = "somebody else"
	_, ofOther := splitSignature(t, issuer.Assertion(other))
	head, payload, _ := decodeParts(t, issuer.Assertion(ann()))
	_, byAttacker := splitSignature(t, attacker.Sign(head, payload))
	digest := sha256.Sum256([]byte(input))
	der, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	sha512Digest := sha512.Sum512([]byte(input))
	n := key.Params().N

	for name, signature := range map[string][]byte{
		"DER, as TLS has it":                 der,
		"of another payload":                 ofOther,
		"by another key under this key's ID": byAttacker,
		"with SHA-512":                       rawSignature(t, key, sha512Digest[:]),
		"by a P-384 key":                     rawSignature(t, p384, digest[:]),
		"r and s swapped":                    append(append([]byte{}, good[32:]...), good[:32]...),
		"r and s of zero (CVE-2022-21449)":   make([]byte, 64),
		"r of zero":                          append(make([]byte, 32), good[32:]...),
		"s of zero":                          append(append([]byte{}, good[:32]...), make([]byte, 32)...),
		"r and s of the group's order":       append(n.Bytes(), n.Bytes()...),
		"s of the group's order more":        appendFilled(good[:32], new(big.Int).Add(new(big.Int).SetBytes(good[32:]), n)),
		"a zero byte before":                 append([]byte{0}, good...),
		"a zero byte after":                  append(append([]byte{}, good...), 0),
		"a byte less":                        good[:63],
		"twice":                              append(append([]byte{}, good...), good...),
		"r only":                             good[:32],
		"one byte":                           {1},
		"with zero bytes between, as P-384 has it": append(append(append(make([]byte, 16), good[:32]...), make([]byte, 16)...), good[32:]...),
	} {
		for path, v := range es256Verifiers(t, issuer) {
			t.Run(name+", "+path, func(t *testing.T) {
				assertion := input + "." + encode(signature)
				p, err := v.Verify(t.Context(), assertion)
				wantRefusal(t, p, err, verifier.ReasonSignature, assertion)
			})
		}
	}
}

// es256Verifiers are a Verifier for each way to check an ES256 signature.
func es256Verifiers(t *testing.T, issuer *verifiertest.Issuer) map[string]*verifier.Verifier {
	t.Helper()
	o := both()
	o.Issuer, o.Audience, o.Now = host, []string{host}, now
	keys := staticKeys(t, issuer)
	verifier.MakeTable(t, keys, issuer.KeyID())
	fast, err := verifier.New(keys, o)
	if err != nil {
		t.Fatal(err)
	}
	o.StandardECDSA = true
	return map[string]*verifier.Verifier{"table": fast, "standard library": newVerifier(t, issuer, o)}
}

// appendFilled appends x in 32 bytes, or in more if it needs them.
func appendFilled(b []byte, x *big.Int) []byte {
	return append(append([]byte{}, b...), x.FillBytes(make([]byte, max(32, (x.BitLen()+7)/8)))...)
}

// rawSignature is R ‖ S, each as long as the curve's order.
func rawSignature(t *testing.T, key *ecdsa.PrivateKey, digest []byte) []byte {
	t.Helper()
	r, s, err := ecdsa.Sign(rand.Reader, key, digest)
	if err != nil {
		t.Fatal(err)
	}
	size := (key.Params().BitSize + 7) / 8
	return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
}

// TestVerifyAcceptsTheOtherS: for an ES256 signature (r, s), (r, n-s) is valid
// too, and anyone can compute it. So one assertion has two texts; what must see
// an assertion only once has to go by its "jti".
func TestVerifyAcceptsTheOtherS(t *testing.T) {
	issuer := newIssuer(t)
	input, signature := splitSignature(t, issuer.Assertion(ann()))
	s := new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(signature[32:]))
	for path, v := range es256Verifiers(t, issuer) {
		p, err := v.Verify(t.Context(), input+"."+encode(appendFilled(signature[:32], s)))
		if err != nil || p.Claims["jti"] != ann().ID {
			t.Errorf("%s: got %+v, %v", path, p, err)
		}
	}
}

func TestVerifyRefusesRS256Signatures(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	issuer := newIssuer(t, verifiertest.Key(key))
	v := newVerifier(t, issuer, both())
	input, good := splitSignature(t, issuer.Assertion(ann()))
	sha256Digest, sha512Digest := sha256.Sum256([]byte(input)), sha512.Sum512([]byte(input))
	sign := func(o crypto.SignerOpts, digest []byte) []byte {
		signature, err := key.Sign(rand.Reader, digest, o)
		if err != nil {
			t.Fatal(err)
		}
		return signature
	}
	for name, signature := range map[string][]byte{
		"PSS":                      sign(&rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}, sha256Digest[:]),
		"with SHA-512":             sign(crypto.SHA512, sha512Digest[:]),
		"without naming the hash":  sign(crypto.Hash(0), sha256Digest[:]),
		"a zero byte before":       append([]byte{0}, good...),
		"a zero byte after":        append(append([]byte{}, good...), 0),
		"a byte less":              good[1:],
		"zeros":                    make([]byte, 256),
		"one":                      append(make([]byte, 255), 1),
		"the modulus":              key.N.Bytes(),
		"the modulus more":         new(big.Int).Add(key.N, new(big.Int).SetBytes(good)).Bytes(),
		"as short as one of ES256": good[:64],
	} {
		t.Run(name, func(t *testing.T) {
			assertion := input + "." + encode(signature)
			p, err := v.Verify(t.Context(), assertion)
			wantRefusal(t, p, err, verifier.ReasonSignature, assertion)
		})
	}
}

// TestVerifyRefusesAlgorithmsNotListed: valid signatures of the other algorithm,
// and of one kind of key under the other's name.
func TestVerifyRefusesAlgorithmsNotListed(t *testing.T) {
	ec, rs := newIssuer(t), newIssuer(t, verifiertest.RSA())
	for name, tt := range map[string]struct {
		issuer     *verifiertest.Issuer
		algorithms []string
		claimed    string
	}{
		"RS256 where the default holds":   {rs, nil, "RS256"},
		"RS256 where ES256 is listed":     {rs, []string{"ES256"}, "RS256"},
		"ES256 where RS256 is listed":     {ec, []string{"RS256"}, "ES256"},
		"an RSA key's, claiming ES256":    {rs, []string{"ES256", "RS256"}, "ES256"},
		"an EC key's, claiming RS256":     {ec, []string{"ES256", "RS256"}, "RS256"},
		"an RSA key's, ES256 only listed": {rs, []string{"ES256"}, "ES256"},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVerifier(t, tt.issuer, verifier.Options{Algorithms: tt.algorithms})
			_, payload, _ := decodeParts(t, tt.issuer.Assertion(ann()))
			assertion := tt.issuer.Sign([]byte(`{"alg":"`+tt.claimed+`","kid":"`+tt.issuer.KeyID()+`","typ":"JWT"}`), payload)
			p, err := v.Verify(t.Context(), assertion)
			wantRefusal(t, p, err, verifier.ReasonAlgorithm, assertion)
		})
	}
}

// TestVerifyRefusesEveryBitFlipAndTruncation changes each bit of the text, and
// each bit of what the text encodes, and cuts it at every place, from either
// end. Exactly the original is accepted.
func TestVerifyRefusesEveryBitFlipAndTruncation(t *testing.T) {
	for algorithm, options := range map[string][]verifiertest.Option{
		verifier.ES256: nil,
		verifier.RS256: {verifiertest.RSA()},
	} {
		t.Run(algorithm, func(t *testing.T) {
			issuer := newIssuer(t, options...)
			v := newVerifier(t, issuer, both())
			c := ann()
			c.Groups = nil // short: each check of a signature takes its time
			good := issuer.Assertion(c)
			tried, accepted := 0, 0
			try := func(text string) {
				tried++
				switch p, err := v.Verify(t.Context(), text); {
				case err == nil && text == good:
					accepted++
				case err == nil:
					t.Fatalf("accepted %q as %+v", text, p)
				}
			}
			try(good)
			for i := range len(good) {
				try(good[:i])
				if i > 0 {
					try(good[i:])
				}
				for bit := range 8 {
					flipped := []byte(good)
					flipped[i] ^= 1 << bit
					try(string(flipped))
				}
			}
			head, payload, signature := decodeParts(t, good)
			for _, part := range [][]byte{head, payload, signature} {
				for i := range 8 * len(part) {
					part[i/8] ^= 1 << (i % 8)
					try(encode(head) + "." + encode(payload) + "." + encode(signature))
					part[i/8] ^= 1 << (i % 8)
				}
			}
			if accepted != 1 {
				t.Errorf("accepted %d of %d texts, want 1", accepted, tried)
			}
		})
	}
}
