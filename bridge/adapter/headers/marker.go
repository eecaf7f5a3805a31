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

// marker returns a text that differs whenever the person, their role, any other
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
func marker(in *adapter.Input, values []string, resync time.Duration) string {
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
	add(in.Decision.Role)
	for _, value := range values {
		add(value)
	}
	interval := in.Time.UnixNano() / int64(resync)
	text = binary.BigEndian.AppendUint64(text, uint64(interval)) //nolint:gosec // G115: its bits, whatever the sign
	sum := sha256.Sum256(text)
	return markerPrefix + hex.EncodeToString(sum[:16])
}
