package verifier

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Outcome is what became of one check of an Inspection.
type Outcome string

// The outcomes.
const (
	Passed Outcome = "pass"
	Failed Outcome = "fail"
	// NotChecked: an earlier failure, or nothing to check against, stood in
	// the way.
	NotChecked Outcome = "not checked"
)

// Check is one check of an Inspection.
type Check struct {
	Name    string
	Outcome Outcome
	// Reason is Verify's reason if this check is what it would refuse for.
	Reason Reason
	// Detail says why, without any part of the assertion.
	Detail string
}

// Inspection is all that there is to say of an assertion. Header and Claims are
// decoded as far as they can be, whether or not anything vouches for them.
type Inspection struct {
	Header map[string]any
	Claims map[string]any
	// Checks are Verify's, in its order. Unlike Verify, an Inspection goes on
	// after a failure as far as it makes sense.
	Checks []Check
}

// Outcome is Failed if a check failed, NotChecked if none did but some were not
// made, and Passed if all passed.
func (i *Inspection) Outcome() Outcome {
	outcome := Passed
	for _, c := range i.Checks {
		switch c.Outcome {
		case Failed:
			return Failed
		case NotChecked:
			outcome = NotChecked
		case Passed:
		}
	}
	return outcome
}

// Inspect makes Verify's checks for people to look at. It is a tool for finding
// out why an assertion is refused and gives no principal: only Verify decides.
// keys may be nil, and o's Issuer and Audience empty; then what needs them is
// not checked.
func Inspect(ctx context.Context, keys KeySource, o Options, assertion string) (*Inspection, error) {
	v, err := newVerifier(keys, o)
	if err != nil {
		return nil, err
	}
	i := &Inspection{}
	if parts := strings.Split(assertion, "."); len(parts) >= 2 {
		i.Header, i.Claims = decodeAnyhow(parts[0]), decodeAnyhow(parts[1])
	}
	c := i.checkText(v, assertion)
	i.checkKey(ctx, v, c)
	i.checkClaims(v, c)
	return i, nil
}

// decodeAnyhow decodes a segment for showing; nil if it cannot be.
func decodeAnyhow(segment string) map[string]any {
	raw, err := base64URL.DecodeString(strings.TrimRight(segment, "="))
	if err != nil {
		return nil
	}
	members, err := decodeObject(raw)
	if err != nil {
		return nil
	}
	return members
}

// InspectIDToken is Inspect for a Verifier made by NewOIDC: what the ID token
// holds, and Verify's answer as one check.
func (v *Verifier) InspectIDToken(ctx context.Context, assertion string) *Inspection {
	i := &Inspection{}
	if parts := strings.Split(assertion, "."); len(parts) >= 2 {
		i.Header, i.Claims = decodeAnyhow(parts[0]), decodeAnyhow(parts[1])
	}
	_, err := v.Verify(ctx, assertion)
	i.add("ID token", err, "everything that is checked of an ID token")
	return i
}

func (i *Inspection) add(name string, err error, passed string) bool {
	c := Check{Name: name, Outcome: Passed, Detail: passed}
	if refusal, ok := errors.AsType[*Error](err); ok {
		c = Check{Name: name, Outcome: Failed, Reason: refusal.Reason, Detail: refusal.Err.Error()}
	} else if err != nil {
		c = Check{Name: name, Outcome: Failed, Detail: err.Error()}
	}
	i.Checks = append(i.Checks, c)
	return c.Outcome == Passed
}

func (i *Inspection) skip(name, why string) {
	i.Checks = append(i.Checks, Check{Name: name, Outcome: NotChecked, Detail: why})
}

// checkText returns the parts of an assertion in strict compact serialisation,
// or nil.
func (i *Inspection) checkText(v *Verifier, assertion string) *compact {
	if len(assertion) > v.o.MaxBytes {
		i.add("size", refuse(ReasonTooLarge, "%d bytes, over the limit of %d", len(assertion), v.o.MaxBytes), "")
	} else {
		i.add("size", nil, fmt.Sprintf("%d bytes", len(assertion)))
	}
	c, refusal := parseCompact(assertion)
	if refusal != nil {
		i.add("serialisation", refusal, "")
		return nil
	}
	i.add("serialisation", nil, "strict compact JWS")
	return &c
}

// checkKey makes the checks of algorithm, key and signature.
func (i *Inspection) checkKey(ctx context.Context, v *Verifier, c *compact) {
	switch {
	case c == nil:
		for _, name := range []string{"algorithm", "key", "signature"} {
			i.skip(name, "the serialisation failed")
		}
		return
	case v.keys == nil:
		for _, name := range []string{"algorithm", "key", "signature"} {
			i.skip(name, "no keys to check with")
		}
		return
	}
	i.add("algorithm", v.checkAlgorithm(c), c.algorithm)
	key, err := v.key(ctx, c)
	found := "the issuer has a key of this ID for " + c.algorithm
	if c.keyID == "" {
		found = "the header names none, and the issuer has only one"
	}
	if !i.add("key", err, found) {
		i.skip("signature", "there is no key for it")
		return
	}
	i.add("signature", v.checkSignature(key, c), "made by that key over these bytes")
}

// checkClaims makes the checks of the claims, one by one.
func (i *Inspection) checkClaims(v *Verifier, c *compact) {
	var (
		parsed *claims
		why    = "the serialisation failed"
	)
	if c != nil {
		var refusal *Error
		parsed, refusal = parseClaims(c.payload)
		why = "the claims cannot be read"
		if refusal != nil {
			i.add("claims", refusal, "")
		} else {
			i.add("claims", nil, "one JSON object, distinct names, right types")
		}
	} else {
		i.skip("claims", why)
	}
	now := v.o.Now()
	for _, check := range claimChecks {
		switch {
		case parsed == nil:
			i.skip(check.name, why)
		case check.name == "issuer" && v.o.Issuer == "", check.name == "audience" && v.o.Audience == nil:
			i.skip(check.name, "no app says what it must be")
		default:
			if refusal := check.check(v, parsed, now); refusal != nil {
				i.add(check.name, refusal, "")
			} else {
				i.add(check.name, nil, "")
			}
		}
	}
}
