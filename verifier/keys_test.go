package verifier_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// jwk is a JSON Web Key as a test writes it; with returns one with members
// added or replaced, without one with members left out.
type jwk map[string]any

func (k jwk) with(name string, value any) jwk {
	k = maps.Clone(k)
	k[name] = value
	return k
}

func (k jwk) without(names ...string) jwk {
	k = maps.Clone(k)
	maps.DeleteFunc(k, func(name string, _ any) bool { return slices.Contains(names, name) })
	return k
}

// published is the issuer's one key.
func published(t *testing.T, issuer *verifiertest.Issuer) jwk {
	t.Helper()
	var set struct{ Keys []jwk }
	if err := json.Unmarshal(issuer.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	return set.Keys[0]
}

func jwks(t *testing.T, keys ...jwk) []byte {
	t.Helper()
	return mustJSON(t, map[string]any{"keys": keys})
}

// rsaModulus is a number of so many bits that could be a modulus.
func rsaModulus(bits uint) string {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return encode(n.SetBit(n, 0, 1).Bytes())
}

func TestParseJWKSVetsKeys(t *testing.T) {
	ec, rs := published(t, newIssuer(t)), published(t, newIssuer(t, verifiertest.RSA()))
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := p384.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	ec384 := ec.with("crv", "P-384").with("x", encode(point[1:49])).with("y", encode(point[49:])).without("alg")
	zero := encode(make([]byte, 32))
	for name, tt := range map[string]struct {
		key  jwk
		want string // the algorithm; or "skipped: why", or "refused"
	}{
		"P-256 as published":               {ec, "ES256"},
		"RSA as published":                 {rs, "RS256"},
		"P-256 without use and alg":        {ec.without("use", "alg"), "ES256"},
		"RSA without use and alg":          {rs.without("use", "alg"), "RS256"},
		"unknown members":                  {ec.with("x-note", map[string]any{"a": 1}), "ES256"},
		"key_ops verify":                   {ec.with("key_ops", []string{"verify"}), "ES256"},
		"use null":                         {ec.with("use", nil), "ES256"},
		"no kid":                           {ec.without("kid"), "ES256"},
		"RSA of 2048 bits":                 {rs.with("n", rsaModulus(2048)), "RS256"},
		"RSA of 8192 bits":                 {rs.with("n", rsaModulus(8192)), "RS256"},
		"RSA with e=3":                     {rs.with("e", "Aw"), "RS256"},
		"use enc":                          {ec.with("use", "enc"), "skipped: not for signatures (use)"},
		"use in capitals":                  {ec.with("use", "SIG"), "skipped: not for signatures (use)"},
		"use empty":                        {ec.with("use", ""), "skipped: not for signatures (use)"},
		"key_ops sign":                     {ec.with("key_ops", []string{"sign"}), "skipped: not for verifying (key_ops)"},
		"key_ops encrypt":                  {rs.with("key_ops", []string{"encrypt"}), "skipped: not for verifying (key_ops)"},
		"key_ops empty":                    {ec.with("key_ops", []string{}), "skipped: not for verifying (key_ops)"},
		"P-256 for RS256":                  {ec.with("alg", "RS256"), "skipped: for another algorithm than ES256"},
		"P-256 for ECDH-ES":                {ec.with("alg", "ECDH-ES"), "skipped: for another algorithm than ES256"},
		"P-256 for nothing":                {ec.with("alg", ""), "skipped: for another algorithm than ES256"},
		"RSA for PS256":                    {rs.with("alg", "PS256"), "skipped: for another algorithm than RS256"},
		"RSA for RSA-OAEP":                 {rs.with("alg", "RSA-OAEP"), "skipped: for another algorithm than RS256"},
		"RSA for HS256":                    {rs.with("alg", "HS256"), "skipped: for another algorithm than RS256"},
		"RSA for none":                     {rs.with("alg", "none"), "skipped: for another algorithm than RS256"},
		"P-384":                            {ec384, "skipped: an EC key on a curve other than P-256"},
		"P-384 as Pomerium labels it":      {ec384.with("alg", "ES256"), "skipped: an EC key on a curve other than P-256"},
		"secp256k1":                        {ec.with("crv", "secp256k1"), "skipped: "},
		"unknown curve":                    {ec.with("crv", "P-1"), "skipped: not a well-formed JWK"},
		"no curve":                         {ec.without("crv"), "skipped: not a well-formed JWK"},
		"no x":                             {ec.without("x"), "skipped: not a well-formed JWK"},
		"no y":                             {ec.without("y"), "skipped: not a well-formed JWK"},
		"point off the curve":              {ec.with("y", ec["x"]), "skipped: "},
		"point at infinity":                {ec.with("x", zero).with("y", zero), "skipped: "},
		"coordinates too long":             {ec.with("x", encode(make([]byte, 64))), "skipped: "},
		"x not base64url":                  {ec.with("x", "?"), "skipped: not a well-formed JWK"},
		"RSA of 1024 bits":                 {rs.with("n", rsaModulus(1024)), "skipped: an RSA key of 1024 bits; 2048 to 8192 are accepted"},
		"RSA of 2047 bits":                 {rs.with("n", rsaModulus(2047)), "skipped: an RSA key of 2047 bits; 2048 to 8192 are accepted"},
		"RSA of 8193 bits":                 {rs.with("n", rsaModulus(8193)), "skipped: an RSA key of 8193 bits; 2048 to 8192 are accepted"},
		"RSA of 9000 bits":                 {rs.with("n", rsaModulus(9000)), "skipped: an RSA key of 9000 bits; 2048 to 8192 are accepted"},
		"RSA with e=1":                     {rs.with("e", "AQ"), "skipped: an RSA key with a modulus or exponent that no RSA key has"},
		"RSA with e=0":                     {rs.with("e", "AA"), "skipped: "},
		"RSA with even e":                  {rs.with("e", "AQAA"), "skipped: an RSA key with a modulus or exponent that no RSA key has"},
		"RSA with e of 33 bits":            {rs.with("e", "AQAAAAE"), "skipped: an RSA key with a modulus or exponent that no RSA key has"},
		"RSA with even n":                  {rs.with("n", encode(new(big.Int).Lsh(big.NewInt(1), 2047).Bytes())), "skipped: an RSA key with a modulus or exponent that no RSA key has"},
		"RSA without n":                    {rs.without("n"), "skipped: not a well-formed JWK"},
		"RSA without e":                    {rs.without("e"), "skipped: not a well-formed JWK"},
		"kty EC, members of RSA":           {rs.with("kty", "EC"), "skipped: not a well-formed JWK"},
		"kty absent":                       {ec.without("kty"), "skipped: neither of type EC nor RSA"},
		"kty in another case":              {ec.with("kty", "ec"), "skipped: neither of type EC nor RSA"},
		"kty twice to who folds case":      {ec.with("KTY", "RSA"), "ES256"},
		"OKP, X25519":                      {jwk{"kty": "OKP", "kid": "pomerium/hpke", "crv": "X25519", "x": encode(make([]byte, 32))}, "skipped: neither of type EC nor RSA"},
		"OKP, Ed25519":                     {jwk{"kty": "OKP", "kid": "a", "crv": "Ed25519", "x": encode(make([]byte, 32))}, "skipped: neither of type EC nor RSA"},
		"AKP, post-quantum":                {jwk{"kty": "AKP", "kid": "a", "alg": "ML-DSA-44", "pub": "AAAA"}, "skipped: neither of type EC nor RSA"},
		"private EC":                       {ec.with("d", encode(make([]byte, 32))), "refused"},
		"private EC, d empty":              {ec.with("d", ""), "refused"},
		"private EC, d null":               {ec.with("d", nil), "refused"},
		"private EC, d in capitals":        {ec.with("D", encode(make([]byte, 32))), "skipped: "},
		"private RSA":                      {rs.with("d", "AQAB"), "refused"},
		"private RSA, q only":              {rs.with("q", "AQAB"), "refused"},
		"private RSA, dp only":             {rs.with("dp", "AQAB"), "refused"},
		"private RSA, other primes":        {rs.with("oth", []any{}), "refused"},
		"x padded":                         {ec.with("x", ec["x"].(string)+"="), "skipped: not a well-formed JWK: x is not base64url"},
		"n padded":                         {rs.with("n", rs["n"].(string)+"=="), "skipped: not a well-formed JWK: n is not base64url"},
		"n in standard base64":             {rs.with("n", "+/"+rs["n"].(string)[2:]), "skipped: not a well-formed JWK: n is not base64url"},
		"n with a zero before it":          {rs.with("n", "AAAA"+rs["n"].(string)), "skipped: not a well-formed JWK: n begins with zeros"},
		"y of 31 bytes":                    {ec.with("y", encode(make([]byte, 31))), "skipped: not a well-formed JWK: y has 31 bytes"},
		"x in standard base64":             {ec.with("x", "+/"+ec["x"].(string)[2:]), "skipped: not a well-formed JWK: x is not base64url"},
		"private RSA, a prime only":        {rs.with("p", "AQAB"), "refused"},
		"private OKP":                      {jwk{"kty": "OKP", "kid": "a", "crv": "Ed25519", "x": "AA", "d": "AA"}, "refused"},
		"symmetric":                        {jwk{"kty": "oct", "kid": "a", "k": "AAAA"}, "refused"},
		"symmetric without the key":        {jwk{"kty": "oct", "kid": "a"}, "refused"},
		"symmetric key in another's guise": {ec.with("k", "AAAA"), "refused"},
		"kid a number":                     {ec.with("kid", 1), "refused"},
		"alg a list":                       {ec.with("alg", []string{"ES256"}), "refused"},
		"key_ops a string":                 {ec.with("key_ops", "verify"), "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := verifier.ParseJWKS(jwks(t, tt.key))
			// Beside a good key, a skipped one does no harm; a refused one does.
			good := published(t, newIssuer(t))
			beside, errBeside := verifier.ParseJWKS(jwks(t, tt.key, good))
			_, reason, skipped := strings.Cut(tt.want, "skipped: ")
			switch {
			case tt.want == "refused":
				if err == nil || errBeside == nil {
					t.Errorf("got %v, %v and, beside a good one, %v, %v", keys, err, beside, errBeside)
				}
			case skipped && err != nil:
				if !strings.HasPrefix(err.Error(), "parsing JWKS: no usable key in it\nkey 1 is "+reason) {
					t.Errorf("got %v, want %s", err, reason)
				}
				if len(beside) != 1 || errBeside != nil || beside[0].ID != good["kid"] {
					t.Errorf("beside a good one: %v, %v", beside, errBeside)
				}
			case err != nil || len(keys) != 1 || len(beside) != 2 || errBeside != nil:
				t.Errorf("got %v, %v and, beside a good one, %v, %v", keys, err, beside, errBeside)
			case keys[0].Algorithm != tt.want:
				t.Errorf("got %s, want %s", keys[0].Algorithm, tt.want)
			}
		})
	}
}

func TestParseJWKSVetsSets(t *testing.T) {
	a, b := published(t, newIssuer(t)), published(t, newIssuer(t, verifiertest.RSA()))
	okp := jwk{"kty": "OKP", "kid": "pomerium/hpke", "crv": "X25519", "x": "AAAA"}
	numbered := func(n int) (keys []jwk) {
		for i := range n {
			keys = append(keys, a.with("kid", fmt.Sprint("key ", i)))
		}
		return keys
	}
	good := string(jwks(t, a))
	const syntax = "parsing JWKS: not a JSON object with a list \"keys\""
	for name, tt := range map[string]struct {
		text string
		keys int
		err  string
	}{
		"one":                           {good, 1, ""},
		"two":                           {string(jwks(t, a, b)), 2, ""},
		"one for something else":        {string(jwks(t, okp, a)), 1, ""},
		"white space and other members": {"\r\n{ \"comment\": [1], \"keys\": [" + string(mustJSON(t, a)) + "] }\n", 1, ""},
		"100 keys":                      {string(jwks(t, numbered(100)...)), 100, ""},
		"101 keys":                      {string(jwks(t, numbered(101)...)), 0, "parsing JWKS: 101 keys, over the limit of 100"},
		"one kid twice":                 {string(jwks(t, a, b.with("kid", a["kid"]))), 2, ""},
		"the same key twice":            {string(jwks(t, a, a)), 1, ""},
		"one kid twice, one unusable":   {string(jwks(t, a, okp.with("kid", a["kid"]))), 1, ""},
		"two without kid":               {string(jwks(t, a.without("kid"), b.without("kid"))), 2, ""},
		"two that differ, of one kid":   {string(jwks(t, a, published(t, newIssuer(t)).with("kid", a["kid"]), b)), 1, ""},
		"one kid, three algorithms":     {string(jwks(t, b, b.with("alg", "RS512"), b.with("alg", "PS256"))), 1, ""},
		"certificates by key ID":        {`{"a": "-----BEGIN CERTIFICATE-----\\nMII"}`, 0, "parsing JWKS: it maps key IDs to certificates or PEM keys, and a JWK Set is {\"keys\": [...]}: use the issuer's JWKS URL (Google's is https://www.googleapis.com/oauth2/v3/certs), or one of them as public_key_file"},
		"one symmetric among good":      {string(jwks(t, a, jwk{"kty": "oct", "kid": "s", "k": "AAAA"}, b)), 0, "parsing JWKS: key 2 is a private or symmetric key: whoever can read this set can sign; replace the signing key at its issuer"},
		"keys null, as without a key":   {`{"keys":null}`, 0, "parsing JWKS: no usable key in it"},
		"keys empty":                    {`{"keys":[]}`, 0, "parsing JWKS: no usable key in it"},
		"keys absent":                   {`{}`, 0, `parsing JWKS: it has no "keys": a JWK Set is {"keys": [...]}`},
		"KEYS in capitals":              {strings.Replace(good, "keys", "KEYS", 1), 0, `parsing JWKS: it has no "keys": a JWK Set is {"keys": [...]}`},
		"keys twice":                    {strings.TrimSuffix(good, "}") + `,"keys":[]}`, 0, syntax},
		"keys an object":                {`{"keys":{"0":` + string(mustJSON(t, a)) + `}}`, 0, syntax},
		"keys a string":                 {`{"keys":"x"}`, 0, syntax},
		"a key that is null":            {`{"keys":[null]}`, 0, "parsing JWKS: no usable key in it\nkey 1 is neither of type EC nor RSA"},
		"a key that is a string":        {`{"keys":["x"]}`, 0, "parsing JWKS: key 1 is not a JWK"},
		"a key with a member twice":     {strings.Replace(good, `"kty":`, `"kty":"RSA","kty":`, 1), 0, syntax},
		"a single JWK":                  {string(mustJSON(t, a)), 0, `parsing JWKS: it is one key, and a JWK Set is {"keys": [...]}: write that key in the list`},
		"a list of keys":                {"[" + string(mustJSON(t, a)) + "]", 0, syntax},
		"null":                          {"null", 0, `parsing JWKS: it has no "keys": a JWK Set is {"keys": [...]}`},
		"nothing":                       {"", 0, syntax},
		"a web page":                    {"<!doctype html>", 0, syntax},
		"trailing data":                 {good + "{}", 0, syntax},
		"trailing NUL":                  {good + "\x00", 0, syntax},
		"a byte order mark":             {"\ufeff" + good, 0, syntax},
		"cut off":                       {good[:len(good)-1], 0, syntax},
		"nested too deep":               {`{"keys":[` + strings.Repeat("[", 100_000), 0, syntax},
		"a PEM block":                   {string(newIssuer(t).PublicPEM()), 0, syntax},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := verifier.ParseJWKS([]byte(tt.text))
			if len(keys) != tt.keys || (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
				t.Errorf("got %d keys, %v; want %d, %s", len(keys), err, tt.keys, tt.err)
			}
		})
	}
}

// TestKeyWithoutID: where a set has one key, an assertion need not name it, but
// what it names must be it.
func TestKeyWithoutID(t *testing.T) {
	issuer := newIssuer(t)
	key := published(t, issuer)
	other := published(t, newIssuer(t))
	_, payload, _ := decodeParts(t, issuer.Assertion(ann()))
	named := issuer.Assertion(ann())
	unnamed := issuer.Sign([]byte(`{"alg":"ES256"}`), payload)
	for name, tt := range map[string]struct {
		set            []byte
		named, unnamed verifier.Reason
	}{
		"one key":                      {jwks(t, key), "", ""},
		"one key without ID":           {jwks(t, key.without("kid")), verifier.ReasonKeyUnknown, ""},
		"two keys":                     {jwks(t, key, other), "", verifier.ReasonKeyUnknown},
		"two keys, this one without":   {jwks(t, key.without("kid"), other), verifier.ReasonKeyUnknown, ""},
		"two keys, the other without":  {jwks(t, key, other.without("kid")), "", verifier.ReasonSignature},
		"one key beside one unusable":  {jwks(t, key, other.with("use", "enc")), "", ""},
		"another key, under this name": {jwks(t, other.with("kid", key["kid"])), verifier.ReasonSignature, verifier.ReasonSignature},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := verifier.ParseJWKS(tt.set)
			if err != nil {
				t.Fatal(err)
			}
			v, err := verifier.New(verifier.StaticKeys(keys...), verifier.Options{Issuer: host, Audience: []string{host}, Now: now})
			if err != nil {
				t.Fatal(err)
			}
			for assertion, want := range map[string]verifier.Reason{named: tt.named, unnamed: tt.unnamed} {
				p, err := v.Verify(t.Context(), assertion)
				if want != "" {
					wantRefusal(t, p, err, want, assertion)
				} else if err != nil {
					t.Error(err)
				}
			}
		})
	}
}
