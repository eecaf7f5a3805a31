package verifier

import (
	"encoding/base64"
	"strings"
)

// compact is a JWS in compact serialisation, decoded but not yet verified.
type compact struct {
	algorithm    string
	keyID        string
	signingInput string // header and payload as signed, still encoded
	payload      []byte
	signature    []byte
}

// maxHeaderBytes bounds the header before it is decoded. Those of real issuers have
// less than 1 kB.
const maxHeaderBytes = 4 << 10

// maxKeyIDBytes bounds what is looked up; Pomerium's key IDs have 64 bytes.
const maxKeyIDBytes = 256

// parseCompact is stricter than RFC 7515 wherever leniency has let two parsers
// read one text differently. It never looks at the payload's content.
func parseCompact(s string) (compact, *Error) {
	c, header, err := splitCompact(s)
	if err != nil {
		return compact{}, err
	}
	if err := c.readHeader(header); err != nil {
		return compact{}, err
	}
	return c, nil
}

// splitCompact decodes the three parts, and the header's JSON.
func splitCompact(s string) (compact, map[string]any, *Error) {
	header, rest, ok := strings.Cut(s, ".")
	if !ok {
		return compact{}, nil, refuse(ReasonMalformed, "not three parts")
	}
	payload, signature, ok := strings.Cut(rest, ".")
	if !ok || strings.Contains(signature, ".") {
		return compact{}, nil, refuse(ReasonMalformed, "not three parts")
	}
	if base64.RawURLEncoding.DecodedLen(len(header)) > maxHeaderBytes {
		return compact{}, nil, refuse(ReasonMalformed, "header is over %d bytes", maxHeaderBytes)
	}
	var (
		c   = compact{signingInput: s[:len(header)+1+len(payload)]}
		raw []byte
	)
	if raw, ok = decodeBase64URL(header); !ok || len(raw) == 0 {
		return compact{}, nil, refuse(ReasonMalformed, "header is not canonical base64url")
	}
	if c.payload, ok = decodeBase64URL(payload); !ok {
		return compact{}, nil, refuse(ReasonMalformed, "payload is not canonical base64url")
	}
	if c.signature, ok = decodeBase64URL(signature); !ok || len(c.signature) == 0 {
		return compact{}, nil, refuse(ReasonMalformed, "signature is not canonical base64url")
	}
	members, err := decodeObject(raw)
	if err != nil {
		return compact{}, nil, refuse(ReasonMalformed, "header: %w", err)
	}
	return c, members, nil
}

// readHeader allows the three members that Pomerium writes. Whatever else a
// header could say (crit, b64, jwk, jku, x5u, x5c, zip) would have to be acted
// on or ignored, and both have been attacks.
func (c *compact) readHeader(members map[string]any) *Error {
	for name, value := range members {
		text, isString := value.(string)
		if !isString {
			return refuse(ReasonMalformed, "header member is not a string")
		}
		switch name {
		case "alg":
			c.algorithm = text
		case "kid":
			if text == "" || len(text) > maxKeyIDBytes || !printableASCII(text) {
				return refuse(ReasonMalformed, "key ID is not 1 to %d printable ASCII characters", maxKeyIDBytes)
			}
			c.keyID = text
		case "typ":
			if text != "JWT" {
				return refuse(ReasonMalformed, "header's typ is not JWT")
			}
		default:
			return refuse(ReasonMalformed, "header has a member besides alg, kid and typ")
		}
	}
	if c.algorithm == "" {
		return refuse(ReasonMalformed, "header has no alg")
	}
	return nil
}

var base64URL = base64.RawURLEncoding.Strict()

// decodeBase64URL accepts only the one canonical spelling of the bytes.
// encoding/base64 refuses padding, other alphabets and left-over bits, but skips
// line breaks.
func decodeBase64URL(s string) ([]byte, bool) {
	if strings.IndexByte(s, '\n') >= 0 || strings.IndexByte(s, '\r') >= 0 {
		return nil, false
	}
	b, err := base64URL.DecodeString(s)
	return b, err == nil
}

func printableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}
