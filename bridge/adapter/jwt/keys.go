package jwt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/jws"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// jwksPath is where an app finds the keys, below the bridge's own path.
const jwksPath = "jwks.json"

// openKeys reads the keys, if the adapter will serve.
func (o *Options) openKeys(a *jwtAdapter, env adapter.Env, fail value.Fail) {
	o.checkKeyTypes(fail)
	switch {
	case len(o.Keys) > 0 && !o.Secret.IsZero():
		fail("secret", "beside keys: one of the two signs; keep one of them")
		return
	case len(o.Keys) == 0 && o.Secret.IsZero():
		fail("keys", "missing: say what signs the tokens, such as keys = [{ file = \"jwt.key\" }]; `%s -out jwt.key` makes one", o.makeKey())
		return
	case !env.ReadSecrets:
		return
	}
	var keys []*jws.Key
	if !o.Secret.IsZero() {
		keys = o.openSecret(a, env, fail)
	} else {
		keys = o.openFiles(a, fail)
	}
	if len(keys) == 0 || keys[0] == nil {
		return
	}
	typ := o.Type
	if typ == "" {
		typ = defaultType
	}
	signer, err := jws.NewSigner(keys[0], typ)
	if err != nil {
		fail("keys[1]", "%v; the first key signs, and only those behind it may be public", err)
		return
	}
	a.signer = signer
}

// checkKeyTypes checks the types of keys that the app reads.
func (o *Options) checkKeyTypes(fail value.Fail) {
	if len(o.KeyTypes) > 0 && !o.Secret.IsZero() {
		fail("key_types", "has no effect beside secret; remove it")
	}
	for i, t := range o.KeyTypes {
		if jws.KeyTypes[t] == "" {
			fail(fmt.Sprintf("key_types[%d]", i+1), "%q; choose of %s", t, strings.Join(slices.Sorted(maps.Keys(jws.KeyTypes)), ", "))
		}
	}
}

// makeKey is the command that makes a key that the app reads.
func (o *Options) makeKey() string {
	if len(o.KeyTypes) == 0 || slices.Contains(o.KeyTypes, "EC") {
		return jws.MakeKey("EC")
	}
	return jws.MakeKey(o.KeyTypes[0])
}

func (o *Options) openSecret(a *jwtAdapter, env adapter.Env, fail value.Fail) []*jws.Key {
	secret, err := o.Secret.Read(env)
	if err != nil {
		fail("secret", "%v", err)
		return nil
	}
	key, err := jws.FromSecret(secret)
	if err != nil {
		fail("secret", "%v", err)
		return nil
	}
	a.secret = sha256.Sum256([]byte(secret))
	return []*jws.Key{key}
}

func (o *Options) openFiles(a *jwtAdapter, fail value.Fail) []*jws.Key {
	keys := make([]*jws.Key, 0, len(o.Keys))
	number := make(map[string]int, len(o.Keys))
	for i, file := range o.Keys {
		at := fmt.Sprintf("keys[%d]", i+1)
		data, err := file.Read()
		if err != nil {
			fail(at, "%v", err)
			return nil
		}
		key, err := jws.ParsePEM(data)
		if err != nil {
			fail(at, "%v", err)
			return nil
		}
		if len(o.KeyTypes) > 0 && !slices.Contains(o.KeyTypes, key.Type()) {
			fail(at, "is %s, which the app does not read: `%s` makes one that it does", jws.KeyTypes[key.Type()], o.makeKey())
			return nil
		}
		if other := number[key.ID]; other > 0 {
			fail(at, "is the same key as keys[%d]; remove one of them", other)
			return nil
		}
		number[key.ID] = i + 1
		keys = append(keys, key)
		a.keys = append(a.keys, key.Public)
	}
	set, err := jws.JWKS(keys)
	if err != nil {
		fail("keys", "%v", err)
		return nil
	}
	a.public = map[string]http.Handler{jwksPath: serveJWKS(set)}
	return keys
}

// serveJWKS answers with a key set. Apps may keep it for as long as it takes to
// hear of a new key before it signs, which is what keys behind the first are for.
func serveJWKS(set []byte) http.Handler {
	sum := sha256.Sum256(set)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "application/jwk-set+json")
		h.Set("Cache-Control", "public, max-age=300")
		h.Set("ETag", tag)
		h.Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(set))
	})
}
