package session

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"maps"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// MinKeyBytes is the least that a key of [NewKeys] may have.
const MinKeyBytes = 32

// Keys seal cookies. The first seals, all are tried to open: a key is changed by
// putting the new one first, and removed when what it has sealed has ended.
type Keys struct{ seal [][]byte }

// NewKeys derives the sealing keys (HKDF, RFC 5869) from keys of MinKeyBytes or more.
// Without any, the key is random: what it seals is nothing to another process.
func NewKeys(keys ...[]byte) *Keys {
	if len(keys) == 0 {
		random := make([]byte, MinKeyBytes)
		_, _ = rand.Read(random) // crypto/rand: never an error
		keys = [][]byte{random}
	}
	k := &Keys{}
	for _, key := range keys {
		derived, err := hkdf.Key(sha256.New, key, nil, "ssobridge session seal", sha256.Size)
		if err != nil { // of keys that are too long for SHA-256 to fill: none of ours is
			panic("session: " + err.Error())
		}
		k.seal = append(k.seal, derived)
	}
	return k
}

// bond is what a session is bound to: a hash, so that no cookie and no entry of a
// store holds a name. Secrets are in it too, so browsers do not get it: they could try
// passwords against it.
type bond [sha256.Size]byte

func newBond(app string, in *adapter.Input, facts, secrets []string) bond {
	h := sha256.New()
	writeFields(h, "bond 1", app)
	writeFields(h, facts...)
	writeFields(h, secrets...)
	writePerson(h, in)
	writeFields(h, in.Principal.Email)
	writeFields(h, in.Decision.Roles...)
	attributes := in.Decision.Attributes
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		writeFields(h, name, attributes[name])
	}
	return bond(h.Sum(nil))
}

// personKey is where a person's session with an app lies in the store. There is one
// at a time: another role's takes the place of the one before.
func personKey(app string, in *adapter.Input) string {
	h := sha256.New()
	writeFields(h, "person 1", app)
	writePerson(h, in)
	return hex.EncodeToString(h.Sum(nil))
}

func writePerson(h hash.Hash, in *adapter.Input) {
	issuer, _ := in.Principal.Claims["iss"].(string)
	writeFields(h, issuer, in.Principal.Subject, in.Principal.SessionID)
}

// writeFields writes texts so that no two lists of them are written alike.
func writeFields(h hash.Hash, texts ...string) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(texts)))
	h.Write(n[:])
	for _, text := range texts {
		binary.BigEndian.PutUint64(n[:], uint64(len(text)))
		h.Write(n[:])
		h.Write([]byte(text))
	}
}

// seal is the value of the cookie beside cookies that do not say whose they are.
type seal struct {
	bond    bond
	expires time.Time
}

const (
	sealVersion = 1
	sealBytes   = 1 + 8 + sha256.Size + sha256.Size // version, end, MAC of the bond, MAC
)

// sealed returns the seal's text for these cookies.
func (k *Keys) sealed(s seal, app string, cookies jar) string {
	b := make([]byte, 0, sealBytes)
	b = append(b, sealVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(s.expires.Unix())) //nolint:gosec // G115: after 1970
	b = append(b, s.bond.mac(k.seal[0])...)
	b = append(b, mac(k.seal[0], b, app, cookies)...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// open reads a seal: ok, if it is one over these cookies, and theirs, if it is of this
// bond.
func (k *Keys) open(text, app string, cookies jar, of bond) (expires time.Time, theirs, ok bool) {
	if len(text) != base64.RawURLEncoding.EncodedLen(sealBytes) {
		return expires, false, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || b[0] != sealVersion {
		return expires, false, false
	}
	said, sum := b[:sealBytes-sha256.Size], b[sealBytes-sha256.Size:]
	for _, key := range k.seal {
		if hmac.Equal(sum, mac(key, said, app, cookies)) {
			expires = time.Unix(int64(binary.BigEndian.Uint64(said[1:])), 0) //nolint:gosec // G115: we wrote it
			return expires, hmac.Equal(said[9:], of.mac(key)), true
		}
	}
	return expires, false, false
}

// mac is what of a bond stands in a seal. Its message is shorter than all of the seal's.
func (b bond) mac(key []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(b[:])
	return h.Sum(nil)
}

func mac(key, said []byte, app string, cookies jar) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(said)
	writeFields(h, app)
	for _, name := range slices.Sorted(maps.Keys(cookies)) {
		writeFields(h, name, cookies[name])
	}
	return h.Sum(nil)
}
