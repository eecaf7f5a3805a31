package verifier_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// both accepts both algorithms: what is refused, is refused for itself.
func both() verifier.Options {
	return verifier.Options{Algorithms: []string{verifier.ES256, verifier.RS256}}
}

// TestVerifyRefusesSerialisations starts from a good assertion h.p.s and writes
// the same signature in every way but the one that is allowed.
func TestVerifyRefusesSerialisations(t *testing.T) {
	issuer := newIssuer(t)
	v := newVerifier(t, issuer, both())
	// Its signature has some of the letters that differ between the alphabets.
	good := issuer.Assertion(ann())
	for !strings.ContainsAny(good[strings.LastIndexByte(good, '.'):], "-_") {
		good = issuer.Assertion(ann())
	}
	parts := strings.Split(good, ".")
	h, p, s := parts[0], parts[1], parts[2]
	for name, tt := range map[string]struct {
		text string
		want verifier.Reason
	}{
		"flattened JSON":                     {fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, h, p, s), verifier.ReasonMalformed},
		"flattened JSON with claims outside": {fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q,"iss":%q,"aud":%q,"exp":9999999999,"sub":"admin"}`, h, p, s, host, host), verifier.ReasonMalformed},
		"general JSON":                       {fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, p, h, s), verifier.ReasonMalformed},
		"general JSON, one bad and one good": {fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":"AAAA"},{"protected":%q,"signature":%q}]}`, p, h, h, s), verifier.ReasonMalformed},
		"a JSON string":                      {`"` + good + `"`, verifier.ReasonMalformed},
		"padding of the signature":           {good + "==", verifier.ReasonMalformed},
		"padding of the header":              {h + "=." + p + "." + s, verifier.ReasonMalformed},
		"padding of the payload":             {h + "." + p + "=." + s, verifier.ReasonMalformed},
		"standard alphabet":                  {h + "." + p + "." + strings.NewReplacer("-", "+", "_", "/").Replace(s), verifier.ReasonMalformed},
		"a space before":                     {" " + good, verifier.ReasonMalformed},
		"a space after":                      {good + " ", verifier.ReasonMalformed},
		"a line break after":                 {good + "\n", verifier.ReasonMalformed},
		"a line break before":                {"\r\n" + good, verifier.ReasonMalformed},
		"a line break in the header":         {h[:8] + "\n" + h[8:] + "." + p + "." + s, verifier.ReasonMalformed},
		"a line break in the payload":        {h + "." + p[:8] + "\r" + p[8:] + "." + s, verifier.ReasonMalformed},
		"a line break in the signature":      {h + "." + p + "." + s[:8] + "\r\n" + s[8:], verifier.ReasonMalformed},
		"a tab":                              {h + "\t." + p + "." + s, verifier.ReasonMalformed},
		"a NUL":                              {good + "\x00", verifier.ReasonMalformed},
		"a byte order mark":                  {"\ufeff" + good, verifier.ReasonMalformed},
		"per cent encoding":                  {h + "%2e" + p + "." + s, verifier.ReasonMalformed},
		"full-width full stops":              {h + "．" + p + "．" + s, verifier.ReasonMalformed},
		"left-over bits in the signature":    {good[:len(good)-1] + nextLetter(good[len(good)-1]), verifier.ReasonMalformed},
		"a part of an impossible length":     {good + "AAA", verifier.ReasonMalformed},
		"one part":                           {h, verifier.ReasonMalformed},
		"two parts":                          {h + "." + p, verifier.ReasonMalformed},
		"four parts":                         {good + "." + s, verifier.ReasonMalformed},
		"five parts, as a JWE":               {good + "." + s + "." + s, verifier.ReasonMalformed},
		"a full stop before":                 {"." + good, verifier.ReasonMalformed},
		"a full stop after":                  {good + ".", verifier.ReasonMalformed},
		"full stops only":                    {"..", verifier.ReasonMalformed},
		"no header":                          {"." + p + "." + s, verifier.ReasonMalformed},
		"no signature":                       {h + "." + p + ".", verifier.ReasonMalformed},
		"detached payload (RFC 7515 F)":      {h + ".." + s, verifier.ReasonSignature},
		"the parts swapped":                  {p + "." + h + "." + s, verifier.ReasonMalformed},
		"an SD-JWT with a disclosure":        {good + "~WyJhIiwic3ViIiwiYWRtaW4iXQ~", verifier.ReasonMalformed},
		"an unencoded payload (RFC 7797)":    {issuer.Sign(header(issuer, `"b64":false,"crit":["b64"]`), []byte("x")), verifier.ReasonMalformed},
		"nothing signed":                     {issuer.Sign(header(issuer, ""), nil), verifier.ReasonClaims},
		"a nested assertion":                 {issuer.Sign(header(issuer, ""), []byte(good)), verifier.ReasonClaims},
		"a nested assertion, so declared":    {issuer.Sign(header(issuer, `"cty":"JWT"`), []byte(good)), verifier.ReasonMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := v.Verify(t.Context(), tt.text)
			wantRefusal(t, p, err, tt.want, tt.text)
		})
	}
}

// nextLetter is the base64url letter after c: the same bits and one more, where
// the last bits of c were zero.
func nextLetter(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, c)+1])
}

// header is a good header with more members.
func header(issuer *verifiertest.Issuer, more string) []byte {
	if more != "" {
		more = "," + more
	}
	return fmt.Appendf(nil, `{"alg":"ES256","kid":%q,"typ":"JWT"%s}`, issuer.KeyID(), more)
}

// TestVerifyRefusesHeaders puts a valid signature of the right key under headers
// that say something else. KID stands for the key's ID.
func TestVerifyRefusesHeaders(t *testing.T) {
	const (
		malformed = verifier.ReasonMalformed
		algorithm = verifier.ReasonAlgorithm
		unknown   = verifier.ReasonKeyUnknown
	)
	issuer := newIssuer(t)
	if err := issuer.Rotate(); err != nil { // so that a missing key ID means none
		t.Fatal(err)
	}
	_, payload, _ := decodeParts(t, issuer.Assertion(ann()))
	v := newVerifier(t, issuer, both())

	tests := map[string]struct {
		header string
		want   verifier.Reason
	}{
		"alg absent":                     {`{"kid":"KID","typ":"JWT"}`, malformed},
		"alg empty":                      {`{"alg":"","kid":"KID"}`, malformed},
		"alg null":                       {`{"alg":null,"kid":"KID"}`, malformed},
		"alg a number":                   {`{"alg":256,"kid":"KID"}`, malformed},
		"alg a list":                     {`{"alg":["ES256","none"],"kid":"KID"}`, malformed},
		"alg twice":                      {`{"alg":"none","alg":"ES256","kid":"KID"}`, malformed},
		"alg twice, once escaped":        {`{"alg":"ES256","\u0061lg":"none","kid":"KID"}`, malformed},
		"alg twice, once in capitals":    {`{"alg":"ES256","ALG":"none","kid":"KID"}`, malformed},
		"kid twice":                      {`{"alg":"ES256","kid":"KID","kid":"KID"}`, malformed},
		"typ twice":                      {`{"alg":"ES256","kid":"KID","typ":"JWT","typ":"JWT"}`, malformed},
		"kid absent, of two keys":        {`{"alg":"ES256","typ":"JWT"}`, unknown},
		"kid empty":                      {`{"alg":"ES256","kid":""}`, malformed},
		"kid null":                       {`{"alg":"ES256","kid":null}`, malformed},
		"kid a number":                   {`{"alg":"ES256","kid":1}`, malformed},
		"kid a list":                     {`{"alg":"ES256","kid":["KID"]}`, malformed},
		"kid unknown":                    {`{"alg":"ES256","kid":"0000000000000000000000000000000000000000000000000000000000000000"}`, unknown},
		"kid with a space after":         {`{"alg":"ES256","kid":"KID "}`, unknown},
		"kid with a NUL":                 {`{"alg":"ES256","kid":"KID\u0000"}`, malformed},
		"kid with a line break":          {`{"alg":"ES256","kid":"KID\r\nX-Forged: 1"}`, malformed},
		"kid with an escape sequence":    {`{"alg":"ES256","kid":"\u001b[2Jcleared"}`, malformed},
		"kid with DEL":                   {`{"alg":"ES256","kid":"KID\u007f"}`, malformed},
		"kid not ASCII":                  {`{"alg":"ES256","kid":"K\u0130D"}`, malformed},
		"kid a path":                     {`{"alg":"ES256","kid":"../../../../dev/null"}`, unknown},
		"kid a URL":                      {`{"alg":"ES256","kid":"https://evil.example.com/key"}`, unknown},
		"kid an SQL injection":           {`{"alg":"ES256","kid":"' UNION SELECT 'key' --"}`, unknown},
		"kid a command":                  {`{"alg":"ES256","kid":"$(id)"}`, unknown},
		"kid of 256 characters":          {`{"alg":"ES256","kid":"` + strings.Repeat("k", 256) + `"}`, unknown},
		"kid of 257 characters":          {`{"alg":"ES256","kid":"` + strings.Repeat("k", 257) + `"}`, malformed},
		"kid of 1 MiB":                   {`{"alg":"ES256","kid":"` + strings.Repeat("k", 1<<20) + `"}`, verifier.ReasonTooLarge},
		"typ of something else":          {`{"alg":"ES256","kid":"KID","typ":"at+jwt"}`, malformed},
		"typ of a logout token":          {`{"alg":"ES256","kid":"KID","typ":"logout+jwt"}`, malformed},
		"typ null":                       {`{"alg":"ES256","kid":"KID","typ":null}`, malformed},
		"not JSON":                       {`alg=ES256`, malformed},
		"empty object":                   {`{}`, malformed},
		"a list":                         {`[{"alg":"ES256","kid":"KID"}]`, malformed},
		"null":                           {`null`, malformed},
		"two objects":                    {`{"alg":"ES256","kid":"KID"}{"alg":"none"}`, malformed},
		"a comment":                      {`{"alg":"ES256"/**/,"kid":"KID"}`, malformed},
		"a trailing comma":               {`{"alg":"ES256","kid":"KID",}`, malformed},
		"single quotes":                  {`{'alg':'ES256','kid':'KID'}`, malformed},
		"a byte order mark":              {"\ufeff" + `{"alg":"ES256","kid":"KID"}`, malformed},
		"UTF-16":                         {"{\x00\"\x00a\x00l\x00g\x00", malformed},
		"invalid UTF-8":                  {"{\"alg\":\"ES256\",\"kid\":\"\xff\"}", malformed},
		"half a surrogate pair":          {`{"alg":"ES256","kid":"\ud800"}`, malformed},
		"nested too deep":                {`{"alg":` + strings.Repeat("[", 20_000), malformed},
		"an empty name":                  {`{"alg":"ES256","kid":"KID","":""}`, malformed},
		"__proto__":                      {`{"alg":"ES256","kid":"KID","__proto__":"x"}`, malformed},
		"RS256 with the key of an ES256": {`{"alg":"RS256","kid":"KID"}`, algorithm},
	}
	for _, alg := range []string{
		"none", "None", "NONE", "nOnE", "HS256", "HS384", "HS512", "PS256", "PS384", "PS512", "RS384", "RS512", "RS1",
		"ES384", "ES512", "ES256K", "EdDSA", "Ed25519", "es256", "ES256 ", "ES256\u0000", "dir", "A128KW", "SHA256withECDSA",
	} {
		tests["alg "+alg] = struct {
			header string
			want   verifier.Reason
		}{fmt.Sprintf(`{"alg":%s,"kid":"KID","typ":"JWT"}`, mustJSON(t, alg)), algorithm}
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			assertion := issuer.Sign([]byte(strings.ReplaceAll(tt.header, "KID", issuer.KeyID())), payload)
			p, err := v.Verify(t.Context(), assertion)
			wantRefusal(t, p, err, tt.want, assertion)
		})
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestVerifyRefusesKeysInTheHeader: an attacker's assertion brings its own key,
// or says where to fetch it. Nothing is fetched.
func TestVerifyRefusesKeysInTheHeader(t *testing.T) {
	issuer, attacker := newIssuer(t), newIssuer(t)
	var fetches atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetches.Add(1)
		_, _ = w.Write(attacker.JWKS())
	}))
	t.Cleanup(server.Close)
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(attacker.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(attacker.PublicPEM())
	_, payload, _ := decodeParts(t, attacker.Assertion(ann()))
	v := newVerifier(t, issuer, both())
	for name, members := range map[string]string{
		"jwk":      `"jwk":` + string(set.Keys[0]),
		"jku":      fmt.Sprintf(`"jku":"%s/jwks.json"`, server.URL),
		"x5u":      fmt.Sprintf(`"x5u":"%s/cert.pem"`, server.URL),
		"x5c":      fmt.Sprintf(`"x5c":[%q]`, base64.StdEncoding.EncodeToString(block.Bytes)),
		"x5t":      `"x5t":"AAAA"`,
		"x5t#S256": `"x5t#S256":"AAAA"`,
		"crit":     `"crit":["exp"]`,
		"crit []":  `"crit":[]`,
		"b64":      `"b64":true`,
		"zip":      `"zip":"DEF"`,
		"enc":      `"enc":"A128GCM"`,
		"cty":      `"cty":"JWT"`,
		"url":      fmt.Sprintf(`"url":%q`, server.URL),
		"iss":      fmt.Sprintf(`"iss":%q`, server.URL),
	} {
		for signer, i := range map[string]*verifiertest.Issuer{"issuer": issuer, "attacker": attacker} {
			t.Run(name+", signed by "+signer, func(t *testing.T) {
				assertion := i.Sign(header(issuer, members), payload)
				p, err := v.Verify(t.Context(), assertion)
				wantRefusal(t, p, err, verifier.ReasonMalformed, assertion)
			})
		}
	}
	if n := fetches.Load(); n != 0 {
		t.Errorf("%d fetches of what a header names", n)
	}
}

// TestVerifyRefusesAlgNone takes the signature off.
func TestVerifyRefusesAlgNone(t *testing.T) {
	issuer := newIssuer(t)
	v := newVerifier(t, issuer, both())
	_, payload, _ := decodeParts(t, issuer.Assertion(ann()))
	for _, alg := range []string{"none", "None", "NONE", "nOnE"} {
		input := encode(fmt.Appendf(nil, `{"alg":%q,"typ":"JWT"}`, alg)) + "." + encode(payload) + "."
		for signature, want := range map[string]verifier.Reason{
			"": verifier.ReasonMalformed, "AA": verifier.ReasonAlgorithm, encode(make([]byte, 64)): verifier.ReasonAlgorithm,
		} {
			p, err := v.Verify(t.Context(), input+signature)
			wantRefusal(t, p, err, want, input)
		}
	}
}

// TestVerifyRefusesHMACWithThePublicKey: everybody has the public key, in some
// encoding; it must never serve as a shared secret.
func TestVerifyRefusesHMACWithThePublicKey(t *testing.T) {
	for kind, options := range map[string][]verifiertest.Option{"EC": nil, "RSA": {verifiertest.RSA()}} {
		issuer := newIssuer(t, options...)
		v := newVerifier(t, issuer, both())
		_, payload, _ := decodeParts(t, issuer.Assertion(ann()))
		block, _ := pem.Decode(issuer.PublicPEM())
		for name, secret := range map[string][]byte{
			"PEM":                      issuer.PublicPEM(),
			"PEM without a line break": []byte(strings.TrimSpace(string(issuer.PublicPEM()))),
			"DER":                      block.Bytes,
			"JWKS":                     issuer.JWKS(),
			"key ID":                   []byte(issuer.KeyID()),
			"nothing":                  {},
		} {
			for _, alg := range []string{"HS256", "ES256", "RS256"} {
				t.Run(kind+" "+name+" "+alg, func(t *testing.T) {
					input := encode(fmt.Appendf(nil, `{"alg":%q,"kid":%q,"typ":"JWT"}`, alg, issuer.KeyID())) + "." + encode(payload)
					mac := hmac.New(sha256.New, secret)
					_, _ = mac.Write([]byte(input))
					p, err := v.Verify(t.Context(), input+"."+encode(mac.Sum(nil)))
					want := verifier.ReasonAlgorithm
					if strings.HasPrefix(alg, kind[:1]) { // the key's own algorithm
						want = verifier.ReasonSignature
					}
					wantRefusal(t, p, err, want, input)
				})
			}
		}
	}
}
