package verifier

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"
)

// Project Wycheproof's vectors are attacks that have worked against real
// libraries.

// joseVectors is the schema of Wycheproof's JOSE files.
type joseVectors struct {
	NumberOfTests int `json:"numberOfTests"`
	TestGroups    []struct {
		Comment string          `json:"comment"`
		Public  json.RawMessage `json:"public"`
		Private json.RawMessage `json:"private"` // all there is of a symmetric key
		Tests   []struct {
			ID      int             `json:"tcId"`
			Comment string          `json:"comment"`
			JWS     json.RawMessage `json:"jws"`
			Result  string          `json:"result"`
		} `json:"tests"`
	} `json:"testGroups"`
}

func TestWycheproofJOSE(t *testing.T) {
	for file, want := range map[string]struct {
		mustAccept int
		// falseAccepts are vectors whose key is bad in a way that vetting does
		// not look for, by tcId.
		falseAccepts map[int]string
	}{
		"json_web_signature_test.json": {mustAccept: 10},
		"json_web_key_test.json": {mustAccept: 1, falseAccepts: map[int]string{
			7: "an RSA modulus with the ROCA fingerprint (CVE-2017-15361): made by a broken chip, no attack on who checks signatures",
		}},
	} {
		t.Run(file, func(t *testing.T) {
			var vectors joseVectors
			readVectors(t, file, &vectors)
			ran, accepted := 0, 0
			for _, g := range vectors.TestGroups {
				v := wycheproofVerifier(t, g.Public, g.Private)
				for _, tt := range g.Tests {
					ran++
					jws := jwsText(tt.JWS)
					err := signatureRefusal(t, v, jws)
					// What is valid under any other algorithm is refused by policy.
					mustAccept := tt.Result == "valid" && slices.Contains(v.o.Algorithms, headerAlgorithm(jws))
					switch {
					case mustAccept && err != nil:
						t.Errorf("%s, tcId %d (%s): refused: %v", g.Comment, tt.ID, tt.Comment, err)
					case mustAccept:
						accepted++
					case err == nil && want.falseAccepts[tt.ID] == "":
						t.Errorf("%s, tcId %d (%s): accepted", g.Comment, tt.ID, tt.Comment)
					case err != nil && want.falseAccepts[tt.ID] != "":
						t.Errorf("tcId %d is refused now: take it off the list", tt.ID)
					}
				}
			}
			if ran == 0 || ran != vectors.NumberOfTests || accepted != want.mustAccept {
				t.Errorf("ran %d of %d vectors and accepted %d, want %d", ran, vectors.NumberOfTests, accepted, want.mustAccept)
			}
		})
	}
}

// TestWycheproofES256 has every edge case of the arithmetic: r and s of zero, of
// the group's order, beyond it, too long, too short.
func TestWycheproofES256(t *testing.T) {
	var vectors struct {
		NumberOfTests int `json:"numberOfTests"`
		TestGroups    []struct {
			JWK   json.RawMessage `json:"publicKeyJwk"`
			PEM   string          `json:"publicKeyPem"`
			Tests []struct {
				ID      int    `json:"tcId"`
				Comment string `json:"comment"`
				Message string `json:"msg"`
				Sig     string `json:"sig"`
				Result  string `json:"result"`
			} `json:"tests"`
		} `json:"testGroups"`
	}
	readVectors(t, "ecdsa_secp256r1_sha256_p1363_test.json", &vectors)
	ran := 0
	for _, g := range vectors.TestGroups {
		keys, err := ParsePEM([]byte(g.PEM))
		if err != nil {
			t.Fatal(err)
		}
		if g.JWK != nil {
			if keys, err = ParseJWKS(jwkSet(g.JWK)); err != nil {
				t.Fatal(err)
			}
		}
		for _, tt := range g.Tests {
			ran++
			message, signature := unhex(t, tt.Message), unhex(t, tt.Sig)
			err := checkSignature(keys[0], string(message), signature)
			if accepted := err == nil; accepted != (tt.Result == "valid") {
				t.Errorf("tcId %d (%s): %v, want %s", tt.ID, tt.Comment, err, tt.Result)
			}
		}
	}
	if ran == 0 || ran != vectors.NumberOfTests {
		t.Errorf("ran %d of %d vectors", ran, vectors.NumberOfTests)
	}
}

// TestWycheproofJWE: an encrypted JWT is never an assertion.
func TestWycheproofJWE(t *testing.T) {
	var vectors struct {
		TestGroups []struct {
			Tests []struct {
				ID  int             `json:"tcId"`
				JWE json.RawMessage `json:"jwe"`
			} `json:"tests"`
		} `json:"testGroups"`
	}
	readVectors(t, "json_web_encryption_test.json", &vectors)
	ran := 0
	for _, g := range vectors.TestGroups {
		for _, tt := range g.Tests {
			ran++
			if _, err := parseCompact(jwsText(tt.JWE)); err == nil {
				t.Errorf("tcId %d: taken for a JWS", tt.ID)
			}
		}
	}
	if ran == 0 {
		t.Error("no vectors")
	}
}

// signatureRefusal returns why Verify refuses a JWS, or nil if it refuses no
// more than the payload: vectors are about signatures, and theirs is often no
// JSON. Verify looks at payloads last.
func signatureRefusal(t *testing.T, v *Verifier, jws string) error {
	t.Helper()
	_, err := v.Verify(t.Context(), jws)
	e, ok := err.(*Error) //nolint:errorlint // Verify promises the type itself, not a wrapping of it
	if !ok {
		t.Fatalf("got %v", err)
	}
	if slices.Contains([]Reason{ReasonClaims, ReasonIssuer, ReasonAudience}, e.Reason) {
		return nil
	}
	return err
}

func readVectors(t *testing.T, file string, into any) {
	t.Helper()
	data, err := fs.ReadFile(wycheproof.TestVectors, file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

// wycheproofVerifier loads a group's key or key set as an issuer's JWKS. A set
// that is refused leaves it without keys.
func wycheproofVerifier(t *testing.T, public, private json.RawMessage) *Verifier {
	t.Helper()
	jwks := []byte(public)
	if jwks == nil {
		jwks = private
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(jwks, &set); err != nil {
		t.Fatal(err)
	}
	if set.Keys == nil {
		jwks = jwkSet(jwks)
	}
	keys, err := ParseJWKS(jwks)
	if err != nil {
		keys = nil
	}
	v, err := New(StaticKeys(keys...), Options{Issuer: "unused", Audience: []string{"unused"}, Algorithms: []string{ES256, RS256}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func jwkSet(jwk []byte) []byte { return slices.Concat([]byte(`{"keys":[`), jwk, []byte(`]}`)) }

// jwsText is a vector's JWS: a string, or an object in the JSON serialisation.
func jwsText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return string(raw)
	}
	return text
}

// headerAlgorithm reads "alg" leniently: it decides what the verdict should be,
// so it shares no code with what is tested.
func headerAlgorithm(jws string) string {
	encoded, _, _ := strings.Cut(jws, ".")
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return ""
	}
	var header struct {
		Algorithm string `json:"alg"`
	}
	if json.Unmarshal(raw, &header) != nil {
		return ""
	}
	return header.Algorithm
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
