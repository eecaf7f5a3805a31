package verifiertest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
)

// Fault is something wrong with how the keys are published. It gets what the
// issuer would serve, as of the request's arrival, and returns what to serve
// instead; or nil, when it has answered w itself. It may be called concurrently.
type Fault func(w http.ResponseWriter, r *http.Request, jwks []byte) []byte

// SetFault makes every further request for the published keys meet f; nil makes
// the issuer healthy again. Signing, JWKS and the discovery document are not
// affected.
func (i *Issuer) SetFault(f Fault) { i.fault.Store(&f) }

// Status answers with an HTTP status and no keys.
func Status(code int) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ []byte) []byte {
		http.Error(w, http.StatusText(code), code)
		return nil
	}
}

// Body serves this body instead of the keys, otherwise as if healthy.
func Body(body string) Fault {
	return func(http.ResponseWriter, *http.Request, []byte) []byte { return []byte(body) }
}

// EmptySet is a Fault: it serves what a Pomerium without a signing key serves.
func EmptySet(http.ResponseWriter, *http.Request, []byte) []byte { return []byte(`{"keys":null}`) }

// Garbage is a Fault: it serves a web page, as a captive portal or a proxy in
// front of the issuer would, with status 200 and labelled as JSON.
func Garbage(http.ResponseWriter, *http.Request, []byte) []byte {
	return []byte("<!doctype html><title>Sign in</title><p>Please sign in to the network.")
}

// ExtraOKP is a Fault: it publishes an X25519 key beside the others, as Pomerium
// v0.21 did. The key is for encryption; nothing can be verified with it.
func ExtraOKP(_ http.ResponseWriter, _ *http.Request, jwks []byte) []byte {
	// The point is the first public key of RFC 7748, section 6.1.
	const okp = `{"kty":"OKP","kid":"pomerium/hpke","crv":"X25519","x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"}`
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(jwks, &set); err != nil {
		panic("verifiertest: decoding the published keys: " + err.Error())
	}
	set.Keys = append(set.Keys, json.RawMessage(okp))
	extended, err := json.Marshal(set)
	if err != nil {
		panic("verifiertest: encoding the published keys: " + err.Error())
	}
	return extended
}

// Huge serves the keys in a document of at least n bytes. It is valid JSON and
// has the right keys first: only its size is wrong.
func Huge(n int) Fault {
	return func(w http.ResponseWriter, _ *http.Request, jwks []byte) []byte {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(bytes.TrimSuffix(jwks, []byte("}")))
		_, _ = w.Write([]byte(`,"padding":"`))
		chunk := bytes.Repeat([]byte("x"), 32<<10)
		for left := n; left > 0; left -= len(chunk) {
			if _, err := w.Write(chunk[:min(left, len(chunk))]); err != nil {
				return nil // the client has had enough
			}
		}
		_, _ = w.Write([]byte(`"}`))
		return nil
	}
}

// Hang says nothing until the channel is closed, then answers as if healthy. A
// client that gives up ends it, too.
func Hang(until <-chan struct{}) Fault {
	return func(_ http.ResponseWriter, r *http.Request, jwks []byte) []byte {
		select {
		case <-until:
			return jwks
		case <-r.Context().Done():
			return nil
		}
	}
}

// Stall sends the response's header and half of its body, and the rest when the
// channel is closed. A limit on the wait for the header alone does not see it. A
// client that gives up ends it, too.
func Stall(until <-chan struct{}) Fault {
	return func(w http.ResponseWriter, r *http.Request, jwks []byte) []byte {
		half := len(jwks) / 2
		sendPart(w, jwks[:half], len(jwks))
		select {
		case <-until:
			_, _ = w.Write(jwks[half:])
		case <-r.Context().Done():
		}
		return nil
	}
}

// CutOff is a Fault: it breaks the connection in the middle of the body.
func CutOff(w http.ResponseWriter, _ *http.Request, jwks []byte) []byte {
	sendPart(w, jwks[:len(jwks)/2], len(jwks))
	panic(http.ErrAbortHandler)
}

// Redirect sends the client to another place for the keys.
func Redirect(url string) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ []byte) []byte {
		http.Redirect(w, r, url, http.StatusFound)
		return nil
	}
}

// sendPart sends the beginning of a body of the given total length at once.
func sendPart(w http.ResponseWriter, part []byte, total int) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(total))
	_, _ = w.Write(part)
	_ = http.NewResponseController(w).Flush()
}
