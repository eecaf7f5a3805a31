package adaptertest_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/adaptertest"
)

// appSecret is nobody's.
const appSecret = "0123456789abcdef0123456789abcdef"

// answerHeader stands for the address that a browser is sent to: the suite, and
// golden files, are about headers.
const answerHeader = "X-Answer"

// answering is an adapter of kind sso, of whom every request asks.
type answering struct {
	adapter.Adapter
	query string
}

// signingIn returns an adapter as the suite can look at it.
func (p preset) signingIn(a adapter.Adapter) adapter.Adapter {
	if p.Kind == "login" {
		return loggingIn{a.(adapter.SessionStarter), p.login}
	}
	if p.Kind == "session" {
		return holding{a.(adapter.SessionReader)}
	}
	switch p.Protocol {
	case "discourse":
		payload := base64.StdEncoding.EncodeToString([]byte(url.Values{
			"nonce": {"cb68251e"}, "return_sso_url": {"https://app.example.com/session/sso_login"},
		}.Encode()))
		return answering{a, url.Values{"sso": {payload}, "sig": {signature(payload)}}.Encode()}
	case "jwt":
		return answering{a, "return_to=%2Fx"}
	case "guacamole", "zulip":
		return answering{a, ""}
	}
	return a
}

// ssoOptions are what an [adapter.NAME] must add.
func (p preset) ssoOptions() string {
	options := `secret = { file = "app.secret" }`
	if p.Protocol == "guacamole" {
		const connection = "\n[adapter.mine.connections.%[1]s-desk]\nprotocol = \"rdp\"\nparameters = { hostname = \"%[1]s.internal\" }\n" +
			"secrets = { password = { file = \"app.secret\" } }\nroles = [%[1]q]\n"
		options += fmt.Sprintf(connection, p.role()) + fmt.Sprintf(connection, p.role()+"-2")
	}
	return options
}

// readGuacamole decrypts Guacamole's data, and checks its signature.
func readGuacamole(fragment string) map[string]any {
	all, err := url.ParseQuery(strings.TrimPrefix(fragment, "/?"))
	if err != nil {
		panic(err)
	}
	data, err := base64.StdEncoding.DecodeString(all.Get("data"))
	if err != nil {
		panic(err)
	}
	key, err := hex.DecodeString(appSecret)
	if err != nil {
		panic(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	cipher.NewCBCDecrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(data, data)
	data = data[:len(data)-int(data[len(data)-1])]
	mac := hmac.New(sha256.New, key)
	mac.Write(data[sha256.Size:])
	if !hmac.Equal(mac.Sum(nil), data[:sha256.Size]) {
		panic("the signature is wrong")
	}
	var fields map[string]any
	if err := json.Unmarshal(data[sha256.Size:], &fields); err != nil {
		panic(err)
	}
	return fields
}

func signature(payload string) string {
	mac := hmac.New(sha256.New, []byte(appSecret))
	mac.Write([]byte(payload))
	return hex.EncodeToString(mac.Sum(nil))
}

func (a answering) Owns() adapter.Owned {
	owned := a.Adapter.Owns()
	owned.Headers = append(slices.Clone(owned.Headers), answerHeader)
	return owned
}

func (a answering) Adapt(ctx context.Context, in adapter.Input) (adapter.Output, error) {
	if out, err := a.Adapter.Adapt(ctx, in); err == nil && len(out.Header)+len(out.Cookies)+len(out.Redirect) > 0 {
		panic("a request that does not ask is told something")
	}
	in.SignIn = true
	in.Request = &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/.ssobridge/sso", RawQuery: a.query}}
	out, err := a.Adapter.Adapt(ctx, in)
	if err != nil {
		return out, err
	}
	if out.Form != nil {
		all := url.Values{}
		for name, value := range out.Form.Fields {
			all.Set(name, value)
		}
		out.Redirect = out.Form.Action + "?" + all.Encode()
	}
	return adapter.Output{Header: http.Header{answerHeader: {out.Redirect}}}, nil
}

// answer returns what the app reads in an address, after checking its signature.
func (p preset) answer(header, address string) (fields map[string]any, ok bool) {
	if p.Kind != "sso" || header != answerHeader {
		return nil, false
	}
	if _, fragment, found := strings.Cut(address, "#"); found {
		return readGuacamole(fragment), true
	}
	_, query, _ := strings.Cut(address, "?")
	all, err := url.ParseQuery(query)
	if err != nil {
		panic(err)
	}
	fields = make(map[string]any)
	if p.Protocol == "jwt" || p.Protocol == "zulip" {
		signed, err := jose.ParseSignedCompact(all.Get("jwt")+all.Get("token"), []jose.SignatureAlgorithm{jose.HS256})
		if err != nil {
			panic(err)
		}
		claims, err := signed.Verify([]byte(appSecret))
		if err != nil {
			panic(err)
		}
		if err := json.Unmarshal(claims, &fields); err != nil {
			panic(err)
		}
		if fields["jti"] != nil {
			fields["jti"] = "(random)"
		}
		return fields, true
	}
	if signature(all.Get("sso")) != all.Get("sig") {
		panic("the signature is wrong")
	}
	text, err := base64.StdEncoding.DecodeString(all.Get("sso"))
	if err != nil {
		panic(err)
	}
	said, err := url.ParseQuery(string(text))
	if err != nil {
		panic(err)
	}
	for name, values := range said {
		fields[name] = strings.Join(values, " AND ")
		if strings.HasSuffix(name, "groups") {
			items := []any{}
			for item := range strings.SplitSeq(values[0], ",") {
				if item != "" {
					items = append(items, item)
				}
			}
			fields[name] = items
		}
	}
	return fields, true
}

func (p preset) readAnswer(header, address string) ([]adaptertest.Part, bool) {
	fields, ok := p.answer(header, address)
	return claimParts("", fields), ok
}

// openAnswer is what a golden file says of an answer.
func (p preset) openAnswer(header, address string) (text string, is bool) {
	fields, is := p.answer(header, address)
	if !is {
		return "", false
	}
	to, _, _ := strings.Cut(address, "?")
	lines := []string{to + " (signed)"}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		value, err := json.Marshal(fields[name])
		if err != nil {
			panic(err)
		}
		lines = append(lines, fmt.Sprintf("      %s: %s", name, value))
	}
	return strings.Join(lines, "\n"), true
}
