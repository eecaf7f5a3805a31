package headers

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

const (
	markerPrefix  = "ssobridge-sync-"
	defaultResync = time.Minute
)

// marker returns a text that differs whenever the person, their roles, any other
// value that the app receives or, at most resync later, the time differs.
//
// Some apps remember what they read by the text of the headers. Grafana keeps a
// role for as long as it remembers the headers that came with another one, and
// it joins the values to a key without telling where one ends, so that a
// well-chosen display name makes another person's key. A marker at the end of
// the last value ends both: it forces a fresh look, and the keys of two people
// end differently.
//
// It hashes all values because the app's own hash of the key may be weak (FNV
// in Grafana): were there a value that the marker does not depend on, such as
// a group that anybody may name, it could be computed to make two keys collide.
// With that, the marker need not be secret.
//
// A secret is the same for everybody, and a hash of it would be something to
// try guesses on.
//
// Values are by field; repeated, if any field repeats, has the items of those
// that do, whose value is empty.
func (a *headersAdapter) marker(in *adapter.Input, values []string, repeated [][]string) string {
	var (
		stack [1024]byte
		text  = stack[:0]
		add   = func(s string) {
			// The length first, so that no two lists of values are one text.
			text = binary.BigEndian.AppendUint64(text, uint64(len(s)))
			text = append(text, s...)
		}
	)
	add(in.Principal.Subject)
	for _, role := range in.Decision.Roles {
		add(role)
	}
	for i, value := range values {
		if a.fields[i].secret {
			value = ""
		}
		add(value) // empty before the items of a list, which are not
		if repeated != nil {
			for _, item := range repeated[i] {
				add(item)
			}
		}
	}
	interval := in.Time.UnixNano() / int64(a.resync)
	text = binary.BigEndian.AppendUint64(text, uint64(interval)) //nolint:gosec // G115: its bits, whatever the sign
	sum := sha256.Sum256(text)
	return markerPrefix + hex.EncodeToString(sum[:16])
}
