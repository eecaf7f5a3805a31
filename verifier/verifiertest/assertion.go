package verifiertest

import (
	"encoding/base64"
	"fmt"
	"runtime"
	"sync"
)

// Assertion returns the assertion that Pomerium would send for c, signed with
// the present signing key. It panics if c.Extra holds something that JSON
// cannot express.
func (i *Issuer) Assertion(c Claims) string {
	payload, err := c.payload(i.now())
	if err != nil {
		panic(fmt.Sprintf("verifiertest: %v", err))
	}
	k := i.signingKey()
	return k.compact(k.header, payload)
}

// Assertions returns n assertions for c that differ in "jti", as if the person
// had made n requests; c.ID is ignored. It uses all processors.
func (i *Issuer) Assertions(n int, c Claims) []string {
	if n <= 0 {
		return nil
	}
	c.ID = ""
	assertions := make([]string, n)
	// The first is minted here, so that claims which cannot be encoded panic
	// where the caller can see it, and not in a goroutine.
	assertions[0] = i.Assertion(c)
	workers := runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for j := 1 + w; j < n; j += workers {
				assertions[j] = i.Assertion(c)
			}
		})
	}
	wg.Wait()
	return assertions
}

// Sign returns header and payload, whatever they hold, in compact serialisation
// under a valid signature of the present signing key. The signature is that of
// the key's own algorithm even if the header claims another.
func (i *Issuer) Sign(header, payload []byte) string {
	return i.signingKey().compact(header, payload)
}

func (k *key) compact(header, payload []byte) string {
	b64 := base64.RawURLEncoding
	b := make([]byte, 0, b64.EncodedLen(len(header))+b64.EncodedLen(len(payload))+512)
	b = b64.AppendEncode(b, header)
	b = append(b, '.')
	b = b64.AppendEncode(b, payload)
	signature, err := k.sign(b)
	if err != nil {
		panic(fmt.Sprintf("verifiertest: %v", err))
	}
	b = append(b, '.')
	return string(b64.AppendEncode(b, signature))
}
