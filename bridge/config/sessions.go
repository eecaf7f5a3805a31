package config

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/session/store"
	"github.com/ssobridge/ssobridge/bridge/wording"
)

// Sessions are where sessions with apps are kept that browsers do not hold, and the
// keys that seal and encrypt them. Printed, it shows no secret.
type Sessions struct {
	// Store is store.InMemory, or an address for store.ParseAddress.
	Store string
	// Username is this bridge's name for the servers, SentinelUsername for Sentinels.
	Username, SentinelUsername string
	// KeyPrefix, Timeout, Relogin, MaxEntries and MaxBytes are as in store.Options.
	KeyPrefix            string
	Timeout              time.Duration
	Relogin              bool
	MaxEntries, MaxBytes int
	// CAFile, ClientCertFile and ClientKeyFile are what TLS came from.
	CAFile, ClientCertFile, ClientKeyFile string
	// TLS is how servers are verified, and what they are shown; nil: by the system's
	// CAs, and nothing.
	TLS *tls.Config

	// These hold what was read with the file, and do not read again.
	password, sentinelPassword adapter.Secret
	keys                       []adapter.Secret
	sum                        [sha256.Size]byte
}

// Options are for store.Open; they hold secrets. It is for a Config that was read with
// its secrets, by Load.
func (s *Sessions) Options() store.Options {
	return store.Options{
		Address:          s.Store,
		Username:         s.Username,
		Password:         known(s.password),
		SentinelUsername: s.SentinelUsername,
		SentinelPassword: known(s.sentinelPassword),
		TLS:              s.TLS,
		KeyPrefix:        s.KeyPrefix,
		Timeout:          s.Timeout,
		Relogin:          s.Relogin,
		Keys:             s.Keys(),
		MaxEntries:       s.MaxEntries,
		MaxBytes:         s.MaxBytes,
	}
}

// Keys are the configured keys: the first seals and encrypts, all open. None: whoever
// needs one makes it at random, when the process starts.
func (s *Sessions) Keys() [][]byte {
	var keys [][]byte
	for _, key := range s.keys {
		keys = append(keys, []byte(known(key)))
	}
	return keys
}

// Same reports whether two configurations keep sessions alike, secrets and what the
// files hold included: whoever opens the store anew ends the sessions in memory.
func (s *Sessions) Same(other *Sessions) bool { return s.sum == other.sum }

// known is a secret that has been read.
func known(s adapter.Secret) string {
	if s.IsZero() {
		return ""
	}
	value, _ := s.Read(adapter.Env{ReadSecrets: true}) // readSecret's cannot fail
	return value
}

type sessionsTable struct {
	Store            string           `toml:"store"`
	Username         string           `toml:"username"`
	Password         adapter.Secret   `toml:"password"`
	SentinelUsername string           `toml:"sentinel_username"`
	SentinelPassword adapter.Secret   `toml:"sentinel_password"`
	CAFile           string           `toml:"ca_file"`
	ClientCert       string           `toml:"client_cert_file"`
	ClientKey        string           `toml:"client_key_file"`
	InsecureRedis    bool             `toml:"insecure_redis"`
	KeyPrefix        string           `toml:"key_prefix"`
	Timeout          time.Duration    `toml:"timeout"`
	OnStoreFailure   string           `toml:"on_store_failure"`
	MaxEntries       int              `toml:"max_entries"`
	MaxBytes         int              `toml:"max_bytes"`
	Keys             []adapter.Secret `toml:"keys"`
}

// What people may want while the store does not answer.
const (
	onFailureRefuse  = "refuse"
	onFailureRelogin = "relogin"
)

func (t *sessionsTable) setDefaults() {
	*t = sessionsTable{
		Store:          store.InMemory,
		KeyPrefix:      store.DefaultKeyPrefix,
		Timeout:        store.DefaultTimeout,
		OnStoreFailure: onFailureRefuse,
		MaxEntries:     store.DefaultMaxEntries,
		MaxBytes:       store.DefaultMaxBytes,
	}
}

func (l *loader) validSessions() Sessions {
	at, t := place{l.main, "sessions"}, l.sessions
	address, addressKnown := l.checkStore(at, t)
	if addressKnown {
		l.checkStoreKeys(at, t, address)
	}
	if known := []string{onFailureRefuse, onFailureRelogin}; !slices.Contains(known, t.OnStoreFailure) {
		l.report.add(at.key("on_store_failure"), "%q is not known%s", t.OnStoreFailure, wording.Instead(t.OnStoreFailure, known))
	}
	if t.Timeout < 10*time.Millisecond || t.Timeout > 10*time.Second {
		l.report.add(at.key("timeout"), `%s is not between 10ms and 10s, for which every request may have to wait: "500ms" has room for a slow network`, t.Timeout)
	}
	l.checkKeyPrefix(at.key("key_prefix"), t.KeyPrefix)
	l.checkBetween(at.key("max_entries"), t.MaxEntries, 1, 100_000_000, store.DefaultMaxEntries)
	l.checkBetween(at.key("max_bytes"), t.MaxBytes, 1<<20, 1<<40, store.DefaultMaxBytes)
	l.checkNotBlank(at.key("username"), t.Username, "write the name, or leave the key out for the default user")
	l.checkNotBlank(at.key("sentinel_username"), t.SentinelUsername, "write the name, or leave the key out for the default user")
	s := Sessions{
		Store:            t.Store,
		Username:         t.Username,
		SentinelUsername: t.SentinelUsername,
		KeyPrefix:        t.KeyPrefix,
		Timeout:          t.Timeout,
		Relogin:          t.OnStoreFailure == onFailureRelogin,
		MaxEntries:       t.MaxEntries,
		MaxBytes:         t.MaxBytes,
		CAFile:           resolvePath(at, t.CAFile),
		ClientCertFile:   resolvePath(at, t.ClientCert),
		ClientKeyFile:    resolvePath(at, t.ClientKey),
	}
	l.readSessions(at, t, &s)
	return s
}

// checkStore reports whether the address can be judged further.
func (l *loader) checkStore(at place, t sessionsTable) (a store.Address, ok bool) {
	key := at.key("store")
	switch {
	case l.report.isSpoilt(key):
		return a, false
	case t.Store == "":
		l.checkNotBlank(key, t.Store, `write "memory", or leave the key out, or the address of a Redis such as `+store.Examples)
		return a, false
	case t.Store == store.InMemory:
		return a, true
	}
	a, err := store.ParseAddress(t.Store)
	if err != nil {
		l.report.add(key, "%v", err)
		return a, false
	}
	if !a.TLS && !a.Local() && !t.InsecureRedis {
		l.report.add(key, "without TLS, whoever is on the way to another machine reads the password and can undo sign-outs: "+
			"write rediss, with ca_file for a private CA, or insecure_redis = true")
	}
	if len(t.Keys) == 0 {
		l.report.add(at.key("keys"), "missing: what lies in a Redis is encrypted, and after a restart, or in another replica, a key made at random could not read it; "+
			`write keys = [{ file = "sessions.key" }], which "openssl rand -hex 32" makes`)
	}
	return a, true
}

// checkStoreKeys reports keys that have no effect with the store.
func (l *loader) checkStoreKeys(at place, t sessionsTable, a store.Address) {
	inMemory := t.Store == store.InMemory
	unused := func(why string, keys ...string) {
		for _, key := range keys {
			if at.doc.has(at.key(key).path) {
				l.report.spoil(at.key(key), "has no effect %s: remove it", why)
			}
		}
	}
	switch {
	case inMemory:
		unused("in memory, without the address of a Redis as store", "username", "password", "sentinel_username", "sentinel_password",
			"ca_file", "client_cert_file", "client_key_file", "insecure_redis", "key_prefix", "timeout", "on_store_failure")
		return
	case a.Master == "":
		unused("without Sentinels (redis+sentinel://)", "sentinel_username", "sentinel_password")
	}
	if !a.TLS {
		unused("without TLS (rediss)", "ca_file", "client_cert_file", "client_key_file")
	}
	if t.OnStoreFailure == onFailureRefuse {
		unused(`with a Redis, unless on_store_failure = "relogin"`, "max_entries", "max_bytes")
	}
	for _, whose := range []string{"", "sentinel_"} {
		if user, password := at.key(whose+"username"), at.key(whose+"password"); at.doc.has(user.path) && !at.doc.has(password.path) {
			l.report.add(user, `needs %spassword = { file = "..." }`, whose)
		}
	}
}

// checkKeyPrefix: braces would put every key on one server of a cluster.
func (l *loader) checkKeyPrefix(at place, prefix string) {
	l.checkNotBlank(at, prefix, "other programs may write to the same Redis: write a prefix, or leave the key out")
	if len(prefix) > 64 || strings.ContainsFunc(prefix, func(r rune) bool { return r <= ' ' || r > '~' || r == '{' || r == '}' }) {
		l.report.add(at, `a prefix has at most 64 letters, digits and punctuation but { and }: write such as "ssobridge:"`)
	}
}

// readSessions reads secrets and certificates, unless they are not wanted.
func (l *loader) readSessions(at place, t sessionsTable, s *Sessions) {
	files := l.readStoreTLS(at, s)
	if !l.keys {
		return
	}
	s.password = l.readSecret(at.key("password"), t.Password)
	s.sentinelPassword = l.readSecret(at.key("sentinel_password"), t.SentinelPassword)
	for i, secret := range t.Keys {
		key := at.key("keys").index(i + 1)
		read := l.readSecret(key, secret)
		value := known(read)
		switch n := slices.IndexFunc(s.keys, func(other adapter.Secret) bool { return known(other) == value }); {
		case read.IsZero(): // reported
		case len(value) < store.MinKeyBytes:
			l.report.add(key, "shorter than %d bytes: `openssl rand -hex 32` makes one", store.MinKeyBytes)
		case n >= 0:
			l.report.add(key, "the same key as keys[%d]: remove one of them", n+1)
		default:
			s.keys = append(s.keys, read)
		}
	}
	s.sum = sumOf(append(files, s.Store, s.Username, known(s.password), s.SentinelUsername, known(s.sentinelPassword),
		s.KeyPrefix, fmt.Sprint(s.Timeout, s.Relogin, s.MaxEntries, s.MaxBytes), fmt.Sprintf("%q", s.Keys()))...)
}

// readSecret returns a Secret that holds the value. A zero one: there is none, or it is
// reported.
func (l *loader) readSecret(at place, s adapter.Secret) adapter.Secret {
	if s.IsZero() || l.report.isSpoilt(at) {
		return adapter.Secret{}
	}
	value, err := s.Read(adapter.Env{ReadSecrets: true})
	if err != nil {
		l.report.add(at, "%v", err)
		return adapter.Secret{}
	}
	return adapter.NewSecret(func() (string, error) { return value, nil })
}

// sumOf tells lists of texts apart.
func sumOf(texts ...string) [sha256.Size]byte {
	h := sha256.New()
	for _, text := range texts {
		_ = binary.Write(h, binary.BigEndian, uint64(len(text))) // to a hash
		h.Write([]byte(text))
	}
	return [sha256.Size]byte(h.Sum(nil))
}
