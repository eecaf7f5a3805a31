package codec

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // G505: HMAC-SHA1 is the format
	"encoding/binary"
	"time"
)

// itsdangerousSkew is how far the clocks of app and bridge may be apart. The library
// refuses stamps of the future (since 2.0), so those that are written are of a
// moment ago, or a bridge that is a millisecond ahead would now and then sign
// nobody in; and a stamp that the app wrote may be of the next moment.
const itsdangerousSkew = 10 * time.Second

// itsdangerousSigner is TimestampSigner of itsdangerous 2.0 to 2.2
// (src/itsdangerous/timed.py): value "." time "." signature. The library drops
// characters that are not base64's and takes either filling of spare bits; here,
// what it would not have written itself is refused.
type itsdangerousSigner struct {
	keys   [][]byte // the first signs
	maxAge time.Duration
}

func (s itsdangerousSigner) sign(value string, now time.Time) (string, error) {
	at := now.Add(-itsdangerousSkew).Unix()
	if at < 0 {
		return "", errBefore1970
	}
	var stamp [8]byte
	binary.BigEndian.PutUint64(stamp[:], uint64(at))
	value += "." + base64URL.EncodeToString(bytes.TrimLeft(stamp[:], "\x00"))
	return value + "." + base64URL.EncodeToString(itsdangerousMAC(s.keys[0], value)), nil
}

func (s itsdangerousSigner) unsign(signed string, now time.Time) (string, error) {
	value, text, ok := cutLast(signed, ".")
	if !ok {
		return "", errUnsigned
	}
	mac, err := decodeBase64(base64URL, text)
	if err != nil {
		return "", errUnsigned
	}
	if !anyKey(s.keys, func(key []byte) bool { return hmac.Equal(mac, itsdangerousMAC(key, value)) }) {
		return "", errUnsigned
	}
	value, text, ok = cutLast(value, ".")
	if !ok {
		return "", errStamp
	}
	stamp, err := decodeBase64(base64URL, text)
	if err != nil || len(stamp) > 8 || (len(stamp) > 0 && stamp[0] == 0) {
		return "", errStamp
	}
	var at [8]byte
	copy(at[8-len(stamp):], stamp)
	if at[0]&0x80 != 0 {
		return "", errStamp
	}
	age := now.Unix() - int64(binary.BigEndian.Uint64(at[:])) //nolint:gosec // G115: the sign's bit is clear
	if age > int64(s.maxAge/time.Second) {
		return "", errExpired
	}
	if age < -int64(itsdangerousSkew/time.Second) {
		return "", errFuture
	}
	return value, nil
}

func itsdangerousMAC(key []byte, value string) []byte {
	h := hmac.New(sha1.New, key)
	h.Write([]byte(value))
	return h.Sum(nil)
}
