package adaptertest_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/go-jose/go-jose/v4"

	"github.com/ssobridge/ssobridge/bridge/adapter/adaptertest"
)

// appKey is the example of RFC 7515, appendix A.3, and so nobody's key: with it,
// golden files say the same at each run.
const appKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff
H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp
7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt
-----END PRIVATE KEY-----
`

// rsaAppKey is for apps that read no other keys.
var rsaAppKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func (p preset) readsRSA() bool { return slices.Equal(p.KeyTypes, []string{"RSA"}) }

// key is the key that signs, in PEM.
func (p preset) key() []byte {
	if !p.readsRSA() {
		return []byte(appKey)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaAppKey())})
}

// token returns the claims of a token that a preset sends in a header, after
// checking its signature with a library that has no part in signing.
func (p preset) token(header, value string) (claims []byte, typ any, ok bool) {
	name, _ := p.Header.(string)
	if name == "" || http.CanonicalHeaderKey(name) != header {
		return nil, nil, false
	}
	token, prefixed := strings.CutPrefix(value, p.Prefix)
	if !prefixed {
		panic(fmt.Sprintf("%s does not begin with %q", header, p.Prefix))
	}
	algorithm, public := jose.ES256, any(publicAppKey())
	if p.readsRSA() {
		algorithm, public = jose.RS256, &rsaAppKey().PublicKey
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{algorithm})
	if err != nil {
		panic(err)
	}
	if claims, err = signed.Verify(public); err != nil {
		panic(err)
	}
	return claims, signed.Signatures[0].Header.ExtraHeaders[jose.HeaderType], true
}

func publicAppKey() *jose.JSONWebKey {
	var key jose.JSONWebKey
	err := key.UnmarshalJSON([]byte(`{"kty":"EC","crv":"P-256",
		"x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`))
	if err != nil {
		panic(err)
	}
	return &key
}

// read reads what is in a token, or in an answer.
func (p preset) read(header, value string) ([]adaptertest.Part, bool) {
	if p.Kind == "sso" {
		return p.readAnswer(header, value)
	}
	if p.Kind == "login" {
		return p.readSignIn(header, value)
	}
	if p.Kind == "session" {
		return p.readSession(header, value)
	}
	return p.readToken(header, value)
}

// readToken reads a token as the app does.
func (p preset) readToken(header, value string) ([]adaptertest.Part, bool) {
	text, _, is := p.token(header, value)
	if !is {
		return nil, false
	}
	var claims map[string]any
	if err := json.Unmarshal(text, &claims); err != nil {
		panic(err)
	}
	delete(claims, "jti")
	return claimParts("", claims), true
}

func claimParts(path string, claims map[string]any) []adaptertest.Part {
	var all []adaptertest.Part
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		p := adaptertest.Part{Name: path + name}
		switch v := claims[name].(type) {
		case map[string]any:
			all = append(all, claimParts(p.Name+".", v)...)
			continue
		case []any:
			p.IsList = true
			for _, item := range v {
				p.Values = append(p.Values, fmt.Sprint(item))
			}
		default:
			p.Values = []string{fmt.Sprint(v)}
		}
		all = append(all, p)
	}
	return all
}

// openToken is what a golden file says of a token.
func (p preset) openToken(header, value string) (text string, is bool) {
	claims, typ, is := p.token(header, value)
	if !is {
		return "", false
	}
	var all map[string]any
	if err := json.Unmarshal(claims, &all); err != nil {
		panic(err)
	}
	all["jti"] = "(random)"
	shown, err := json.MarshalIndent(all, "    ", "  ")
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("%s(token, typ %v) %s", p.Prefix, typ, shown), true
}
