package decision

import (
	"context"
	"crypto"
	"fmt"
	"slices"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/verifier"
)

// othersKeys are an issuer's keys without those that sign for apps here: what an app
// is handed must never count as an assertion, whatever it says. Package config compares
// the keys that stand in files; of those that are fetched, nobody knows before.
type othersKeys struct {
	keys verifier.KeySource
	own  []ownKey
}

// ownKey is a key that the adapter of an app signs with or publishes.
type ownKey struct {
	app    string
	public interface{ Equal(crypto.PublicKey) bool }
}

// withoutOwn returns keys without those of the adapters of c.
func withoutOwn(keys verifier.KeySource, c *config.Config) verifier.KeySource {
	var own []ownKey
	for _, a := range c.Apps {
		owner, ok := a.Adapter.(adapter.KeyOwner)
		if !ok {
			continue
		}
		for _, key := range owner.PublicKeys() {
			if public, ok := key.(interface{ Equal(crypto.PublicKey) bool }); ok { // as all of crypto's are
				own = append(own, ownKey{a.Name, public})
			}
		}
	}
	if own == nil {
		return keys
	}
	return &othersKeys{keys, own}
}

// Key refuses a key of our own as one that cannot be had: it is for whoever runs the
// bridge to repair, and shows as such in logs and metrics.
func (o *othersKeys) Key(ctx context.Context, id string) (verifier.Key, error) {
	key, err := o.keys.Key(ctx, id)
	if err != nil {
		return verifier.Key{}, err
	}
	for _, own := range o.own {
		if slices.ContainsFunc(key.Alternatives(), func(k verifier.Key) bool { return own.public.Equal(k.Public) }) {
			return verifier.Key{}, &verifier.Error{Reason: verifier.ReasonKeysUnavailable, Err: fmt.Errorf(
				"the issuer publishes the key that signs for app %s: whoever has a token of the app could enter others; make it a key of its own", own.app)}
		}
	}
	return key, nil
}
