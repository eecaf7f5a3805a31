package verifier

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// The examples of RFC 7515, appendix A: all that these have in common is the
// payload. Both keys are without an ID, and so are the headers.
const (
	rfc7515Payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

	rfc7515RSAKey    = `{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}`
	rfc7515RSAHeader = "eyJhbGciOiJSUzI1NiJ9"
	rfc7515RSASig    = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"

	rfc7515ECKey    = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`
	rfc7515ECHeader = "eyJhbGciOiJFUzI1NiJ9"
	rfc7515ECSig    = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)

func signatureVerifier(t *testing.T, jwk string) *Verifier {
	t.Helper()
	keys, err := ParseJWKS([]byte(`{"keys":[` + jwk + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	v, err := New(StaticKeys(keys...), Options{Issuer: "joe", Audience: []string{"unused"}, Algorithms: []string{ES256, RS256}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestRFC7515(t *testing.T) {
	rsa, ec := signatureVerifier(t, rfc7515RSAKey), signatureVerifier(t, rfc7515ECKey)
	for name, tt := range map[string]struct {
		v    *Verifier
		jws  string
		want Reason // empty: the signature layer accepts
	}{
		"A.2, RS256":               {rsa, rfc7515RSAHeader + "." + rfc7515Payload + "." + rfc7515RSASig, ""},
		"A.3, ES256":               {ec, rfc7515ECHeader + "." + rfc7515Payload + "." + rfc7515ECSig, ""},
		"A.2 under the key of A.3": {ec, rfc7515RSAHeader + "." + rfc7515Payload + "." + rfc7515RSASig, ReasonAlgorithm},
		"A.3 under the key of A.2": {rsa, rfc7515ECHeader + "." + rfc7515Payload + "." + rfc7515ECSig, ReasonAlgorithm},
		"A.1, HS256, with typ":     {ec, "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + rfc7515Payload + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", ReasonAlgorithm},
		"A.5, unsecured":           {ec, "eyJhbGciOiJub25lIn0." + rfc7515Payload + ".", ReasonMalformed},
		"A.6, general JSON": {ec, fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"header":{"kid":"2010-12-29"},"signature":%q},{"protected":%q,"header":{"kid":"e9bc097a-ce51-4036-9562-d2ade882db0d"},"signature":%q}]}`,
			rfc7515Payload, rfc7515RSAHeader, rfc7515RSASig, rfc7515ECHeader, rfc7515ECSig), ReasonMalformed},
		"A.7, flattened JSON": {ec, fmt.Sprintf(`{"payload":%q,"protected":%q,"header":{"kid":"e9bc097a-ce51-4036-9562-d2ade882db0d"},"signature":%q}`,
			rfc7515Payload, rfc7515ECHeader, rfc7515ECSig), ReasonMalformed},
		"appendix F, detached payload": {ec, rfc7515ECHeader + ".." + rfc7515ECSig, ReasonSignature},
	} {
		t.Run(name, func(t *testing.T) {
			switch err := signatureRefusal(t, tt.v, tt.jws); {
			case tt.want != "":
				wantReason(t, err, tt.want)
			case err != nil:
				t.Errorf("refused: %v", err)
			}
		})
	}
}

// vectorsDir is where the larger public vector sets are, for those who have
// them: $SSOBRIDGE_VECTORS.
func vectorsDir(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("SSOBRIDGE_VECTORS")
	if root == "" {
		t.Skip("SSOBRIDGE_VECTORS is not set")
	}
	return filepath.Join(root, name)
}

func readFiles(t *testing.T, patterns ...string) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path) // #nosec G304 -- a test's own data
			if err != nil {
				t.Fatal(err)
			}
			files[filepath.Base(path)] = data
		}
	}
	if len(files) == 0 {
		t.Fatalf("no files like %q", patterns)
	}
	return files
}

// TestRFC7520AndRFC7797 runs the cookbook of JOSE. Of all its signatures one is
// of an algorithm and a serialisation that an assertion may have.
func TestRFC7520AndRFC7797(t *testing.T) {
	dir := vectorsDir(t, "rfc7520-cookbook")
	const acceptable = "4_1.rsa_v15_signature.json compact"
	ran := 0
	for file, data := range readFiles(t, filepath.Join(dir, "jws", "*.json"), filepath.Join(dir, "curve25519", "*.json"), filepath.Join(dir, "rfc7797", "*.json")) {
		var example struct {
			Input struct {
				Key json.RawMessage `json:"key"`
			} `json:"input"`
			Output map[string]json.RawMessage `json:"output"`
		}
		if err := json.Unmarshal(data, &example); err != nil {
			t.Fatal(err)
		}
		keys, err := ParseJWKS(publicHalves(t, example.Input.Key))
		if err != nil {
			keys = nil
		}
		v, err := New(StaticKeys(keys...), Options{Issuer: "unused", Audience: []string{"unused"}, Algorithms: []string{ES256, RS256}})
		if err != nil {
			t.Fatal(err)
		}
		for form, raw := range example.Output {
			ran++
			err := signatureRefusal(t, v, jwsText(raw))
			if accepted := err == nil; accepted != (file+" "+form == acceptable) {
				t.Errorf("%s %s: %v", file, form, err)
			}
		}
	}
	if ran < 20 {
		t.Errorf("only %d examples", ran)
	}
}

// publicHalves makes a JWKS of one key or a list of keys without what is secret
// in them. A symmetric key has no public half and stays.
func publicHalves(t *testing.T, raw []byte) []byte {
	t.Helper()
	var keys []map[string]any
	if json.Unmarshal(raw, &keys) != nil {
		keys = make([]map[string]any, 1)
		if err := json.Unmarshal(raw, &keys[0]); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range keys {
		for _, secret := range []string{"d", "p", "q", "dp", "dq", "qi"} {
			delete(k, secret)
		}
	}
	set, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestRFC7520Keys(t *testing.T) {
	for file, data := range readFiles(t, filepath.Join(vectorsDir(t, "rfc7520-cookbook"), "jwk", "*.json")) {
		_, err := ParseJWKS(jwkSet(data))
		if accepted := err == nil; accepted != (file == "3_3.rsa_public_key.json") {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestJSONTestSuite puts every text of the suite where JSON from outside is
// read: as a header, as claims, as a JWKS, alone and inside a good one. What is
// no JSON (n_) is refused everywhere; what is JSON (y_) does no harm to the good
// one around it, unless it has duplicate names; and nothing panics.
func TestJSONTestSuite(t *testing.T) {
	dir := vectorsDir(t, "jsontestsuite")
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := ParseJWKS(issuer.JWKS())
	if err != nil {
		t.Fatal(err)
	}
	v, err := New(StaticKeys(keys...), Options{Issuer: "a.example", Audience: []string{"a.example"}, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	header := fmt.Appendf(nil, `{"alg":"ES256","kid":%q,"typ":"JWT"}`, issuer.KeyID())
	claims := fmt.Sprintf(`{"iss":"a.example","aud":"a.example","sub":"ann","exp":%d`, time.Now().Add(time.Hour).Unix())

	for file, text := range readFiles(t, filepath.Join(dir, "test_parsing", "*.json"), filepath.Join(dir, "test_transform", "*.json")) {
		accepts := map[string]bool{}
		_, err = v.Verify(t.Context(), issuer.Sign(text, []byte(claims+"}")))
		accepts["header"] = err == nil
		_, err = v.Verify(t.Context(), issuer.Sign(header, text))
		accepts["claims"] = err == nil
		_, err = ParseJWKS(text)
		accepts["JWKS"] = err == nil
		for where, accepted := range accepts {
			if accepted {
				t.Errorf("%s: accepted as %s", file, where)
			}
		}

		embedded := map[string]bool{}
		_, err = v.Verify(t.Context(), issuer.Sign(header, []byte(claims+`,"x":`+string(text)+`}`)))
		embedded["claims"] = err == nil
		_, err = ParseJWKS([]byte(`{"x":` + string(text) + `,` + string(issuer.JWKS()[1:])))
		embedded["JWKS"] = err == nil
		_, err = decodeObject([]byte(`{"x":` + string(text) + `}`))
		embedded["object"] = err == nil
		for where, accepted := range embedded {
			switch {
			case strings.HasPrefix(file, "n_") && accepted:
				t.Errorf("%s: no JSON, and accepted inside %s", file, where)
			case strings.HasPrefix(file, "y_") && accepted == strings.HasPrefix(file, "y_object_duplicated_key"):
				t.Errorf("%s: accepted inside %s: %t", file, where, accepted)
			}
		}
	}
}

// wantReason fails the test unless err is an *Error with this reason.
func wantReason(t *testing.T, err error, want Reason) {
	t.Helper()
	e, ok := err.(*Error) //nolint:errorlint // Verify promises the type itself, not a wrapping of it
	if !ok || e.Reason != want {
		t.Errorf("got %v, want reason %s", err, want)
	}
}
