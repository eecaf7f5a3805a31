package session

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// minSecret is the least that a secret may have, in bytes: whoever guesses it signs
// in as anybody, and can try with any one cookie for as long as they like.
const minSecret = 32

// unread stands for a secret that is not read: long enough for every format.
const unread = "0123456789abcdef0123456789abcdef"

// openSecrets reads the app's secrets, or what stands for them.
func (o *Options) openSecrets(env adapter.Env, fail value.Fail) []string {
	switch o.SecretEncoding {
	case "", "text", "hex", "base64":
	default:
		fail("secret_encoding", `%q; choose "text", "hex" or "base64"`, o.SecretEncoding)
		return nil
	}
	if len(o.Secrets) == 0 {
		fail("secrets", `missing: say where the app's own secret stands, such as secrets = [{ file = "app.secret" }]`)
		return nil
	}
	secrets := make([]string, len(o.Secrets))
	number := make(map[string]int, len(o.Secrets))
	ok := true
	for i := range o.Secrets {
		at := fmt.Sprintf("secrets[%d]", i+1)
		secret, err := o.readSecret(&o.Secrets[i], env)
		switch {
		case err != nil:
			fail(at, "%v", err)
			ok = false
		case len(secret) < minSecret:
			fail(at, "shorter than %d bytes, so it could be guessed by anybody who has a cookie; give the app a longer one", minSecret)
			ok = false
		case number[secret] > 0 && env.ReadSecrets:
			fail(at, "is the same secret as secrets[%d]; remove one of them", number[secret])
			ok = false
		}
		secrets[i], number[secret] = secret, i+1
	}
	if !ok {
		return nil
	}
	return secrets
}

var (
	errHex    = errors.New(`is no hex; if the app uses it as it stands, write secret_encoding = "text"`)
	errBase64 = errors.New(`is no base64; if the app uses it as it stands, write secret_encoding = "text"`)
)

// readSecret reads one secret and decodes it.
func (o *Options) readSecret(s *adapter.Secret, env adapter.Env) (string, error) {
	if !env.ReadSecrets {
		return unread, nil
	}
	if s.IsZero() {
		return "", errors.New(`missing: write { file = "app.secret" }`)
	}
	text, err := s.Read(env)
	if err != nil {
		return "", err
	}
	switch o.SecretEncoding {
	case "hex":
		secret, err := hex.DecodeString(text)
		if err != nil {
			return "", errHex
		}
		return string(secret), nil
	case "base64":
		text = strings.TrimPrefix(text, "base64:") // as Laravel writes it
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
			if secret, err := encoding.Strict().DecodeString(text); err == nil {
				return string(secret), nil
			}
		}
		return "", errBase64
	}
	return text, nil
}
