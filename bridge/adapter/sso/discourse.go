package sso

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// The bounds of what Discourse asks with: its nonce has 32 characters, and the
// address is its own.
const (
	maxSSO   = 4 << 10
	maxNonce = 256
)

// discourse is DiscourseConnect (lib/discourse_connect_base.rb there).
var discourse = protocol{
	returnPath: "/session/sso_login", subject: "external_id", required: []string{"email"}, separator: ",",
	// BANNED_EXTERNAL_IDS there.
	banned: []string{"none", "nil", "blank", "null"},
	check:  checkDiscourseField,
	isBool: func(name string) bool {
		return slices.Contains([]string{
			"admin", "moderator", "require_activation", "suppress_welcome_message", "avatar_force_update", "locale_force_update",
		}, name)
	},
	isList: func(name string) bool {
		return slices.Contains([]string{"groups", "add_groups", "remove_groups"}, name)
	},
	open: openDiscourse,
}

// discourseFields are those that say something of a person. Of others, "logout"
// and "failed" would end sessions, and "nonce" is the question's.
var discourseFields = []string{
	"add_groups", "admin", "avatar_force_update", "avatar_url", "bio", "card_background_url", "email", "external_id",
	"groups", "locale", "locale_force_update", "location", "moderator", "name", "profile_background_url", "remove_groups",
	"require_activation", "suppress_welcome_message", "title", "username", "website",
}

func checkDiscourseField(name string) string {
	custom, is := strings.CutPrefix(name, "custom.")
	if slices.Contains(discourseFields, name) || is && custom != "" && !value.HasControl(custom) {
		return ""
	}
	return "is nothing that Discourse reads of a person, which are " + strings.Join(discourseFields, ", ") + " and custom.NAME"
}

func openDiscourse(o *Options, secret string, _ adapter.Env, back *url.URL, fail value.Fail) answerer {
	o.onlyForJWT(fail)
	if o.Lifetime != 0 {
		fail("lifetime", "has no effect: the app's nonce says how long an answer is good for; remove it")
	}
	key, address := []byte(secret), back.String()
	return func(_ *adapter.Input, query url.Values, all []said) (adapter.Output, error) {
		nonce, err := askedByDiscourse(query, key, address)
		if err != nil {
			return adapter.Output{}, err
		}
		payload := base64.StdEncoding.EncodeToString([]byte(discoursePayload(nonce, all)))
		return adapter.Output{Redirect: address + "?sso=" + url.QueryEscape(payload) + "&sig=" + sign(key, payload)}, nil
	}
}

func sign(key []byte, payload string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(payload))
	return hex.EncodeToString(mac.Sum(nil))
}

// askedByDiscourse checks a question and returns its nonce. Nothing in it is read
// before its signature is right.
func askedByDiscourse(query url.Values, key []byte, address string) (nonce string, err error) {
	payload, err := one(query, "sso", maxSSO)
	if err != nil {
		return "", err
	}
	sig, err := one(query, "sig", 2*sha256.Size)
	if err != nil {
		return "", err
	}
	if !hmac.Equal([]byte(sig), []byte(sign(key, payload))) {
		return "", bad("the signature is wrong: the secret is perhaps not the app's discourse_connect_secret")
	}
	// Older versions write a line break after each 60 characters.
	text, err := base64.StdEncoding.Strict().DecodeString(strings.ReplaceAll(payload, "\n", ""))
	if err != nil {
		return "", bad("sso is not base64")
	}
	asked, err := url.ParseQuery(string(text))
	if err != nil {
		return "", bad("sso is no query")
	}
	if nonce, err = one(asked, "nonce", maxNonce); err != nil {
		return "", err
	}
	// An answer goes to one address, whatever is asked; old versions do not
	// say theirs.
	if len(asked["return_sso_url"]) > 0 {
		to, err := one(asked, "return_sso_url", maxSSO)
		if err != nil {
			return "", err
		}
		if to != address {
			return "", bad("return_sso_url is not %s: is force_https on in Discourse, or its address another, to be written as return_url?", address)
		}
	}
	if strings.ContainsFunc(nonce, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", bad("the nonce has characters that no nonce has")
	}
	return nonce, nil
}

// discoursePayload writes an answer.
func discoursePayload(nonce string, all []said) string {
	var b strings.Builder
	b.WriteString("nonce=" + url.QueryEscape(nonce))
	for _, s := range all {
		b.WriteString("&" + url.QueryEscape(s.field.name) + "=" + url.QueryEscape(strings.Join(s.values, ",")))
	}
	return b.String()
}
