package session

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/session/codec"
)

// markerKey is the key of the marker in a session. No field has this name.
const markerKey = "_ssobridge"

// markerStart is the version of the marker's form.
const markerStart = "1."

const markerInfo = "ssobridge session marker"

// marker makes and checks the text by which a session is known as somebody's:
// "1.<its end in Unix time>.<MAC>".
//
// The MAC is HMAC-SHA256 with HKDF-SHA256(secret, info "ssobridge session marker").
// So it is no signature that the app makes for anything of its own, and no other app
// with another secret makes the same. Everything in it has its length or its number
// before it, so that no two different facts are the same bytes.
type marker struct {
	app   string
	bound []string // the fields that must stand as they were written, sorted
	keys  []*macs  // the first makes, all check
	bufs  sync.Pool
}

// macs are ready HMACs of one key.
type macs struct{ pool sync.Pool }

func newMarker(app string, secrets, bound []string) *marker {
	m := &marker{app: app, bound: bound}
	m.bufs.New = func() any {
		b := make([]byte, 0, 1024)
		return &b
	}
	for _, secret := range secrets {
		key, err := hkdf.Key(sha256.New, []byte(secret), nil, markerInfo, sha256.Size)
		if err != nil {
			panic(err) // it is only for lengths beyond those of a hash
		}
		k := &macs{}
		k.pool.New = func() any { return hmac.New(sha256.New, key) }
		m.keys = append(m.keys, k)
	}
	return m
}

// buffer lends a buffer, for release to take back.
func (m *marker) buffer() *[]byte   { return m.bufs.Get().(*[]byte) }
func (m *marker) release(b *[]byte) { m.bufs.Put(b) }

// mark is a marker as it stands in a session.
type mark struct {
	expires int64
	mac     [sha256.Size]byte
}

// parseMark reads a marker; there is one form for each.
func parseMark(text string) (m mark, ok bool) {
	rest, ok := strings.CutPrefix(text, markerStart)
	if !ok {
		return m, false
	}
	end, sum, ok := strings.Cut(rest, ".")
	if !ok || len(sum) != base64.RawURLEncoding.EncodedLen(sha256.Size) {
		return m, false
	}
	var err error
	if m.expires, err = strconv.ParseInt(end, 10, 64); err != nil || end[0] < '1' || end[0] > '9' {
		return m, false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(m.mac[:], []byte(sum))
	return m, err == nil && n == sha256.Size
}

// String returns the text that parseMark reads.
func (m mark) String() string {
	return markerStart + strconv.FormatInt(m.expires, 10) + "." + base64.RawURLEncoding.EncodeToString(m.mac[:])
}

// mint returns the marker of a session that is written.
func (m *marker) mint(in *adapter.Input, now []byte, data codec.Data, expires int64) string {
	buf := m.buffer()
	defer m.release(buf)
	*buf = m.facts((*buf)[:0], in, now, data, expires)
	made := mark{expires: expires}
	m.keys[0].sum(made.mac[:0], *buf)
	return made.String()
}

// verify reports whether a session was written for the person of in, and stands as
// it was written.
func (m *marker) verify(in *adapter.Input, now []byte, data codec.Data, found mark) bool {
	buf := m.buffer()
	defer m.release(buf)
	*buf = m.facts((*buf)[:0], in, now, data, found.expires)
	for _, key := range m.keys {
		var sum [sha256.Size]byte
		if hmac.Equal(key.sum(sum[:0], *buf), found.mac[:]) {
			return true
		}
	}
	return false
}

func (k *macs) sum(b, facts []byte) []byte {
	h := k.pool.Get().(hash.Hash)
	h.Reset()
	h.Write(facts)
	b = h.Sum(b)
	k.pool.Put(h)
	return b
}

// facts appends what the MAC is over.
func (m *marker) facts(b []byte, in *adapter.Input, now []byte, data codec.Data, expires int64) []byte {
	issuer, _ := in.Principal.Claims["iss"].(string)
	for _, text := range [...]string{m.app, issuer, in.Principal.Subject, in.Principal.SessionID} {
		b = appendText(b, text)
	}
	b = appendCount(b, len(in.Decision.Roles))
	for _, role := range in.Decision.Roles {
		b = appendText(b, role)
	}
	b = append(appendCount(b, len(now)), now...)
	b = binary.BigEndian.AppendUint64(b, uint64(expires)) //nolint:gosec // G115: it is not negative
	for _, name := range m.bound {
		b = appendText(b, name)
		v, has := data[name]
		if !has {
			b = append(b, '-')
			continue
		}
		b = appendValue(b, v)
	}
	return b
}

func appendCount(b []byte, n int) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(n)) //nolint:gosec // G115: headers and cookies are smaller
}

func appendText(b []byte, text string) []byte { return append(appendCount(b, len(text)), text...) }

// appendValue appends a value of [codec.Data], each different one in other bytes.
func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, 'n')
	case bool:
		if v {
			return append(b, 't')
		}
		return append(b, 'f')
	case string:
		return appendText(append(b, 's'), v)
	case int64:
		return binary.BigEndian.AppendUint64(append(b, 'i'), uint64(v)) //nolint:gosec // G115: the same bits
	case float64:
		return binary.BigEndian.AppendUint64(append(b, 'd'), math.Float64bits(v))
	case []any:
		b = appendCount(append(b, '['), len(v))
		for _, item := range v {
			b = appendValue(b, item)
		}
		return b
	case map[string]any:
		b = appendCount(append(b, '{'), len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			b = appendValue(appendText(b, name), v[name])
		}
		return b
	default:
		panic("session: codecs have no other types")
	}
}
