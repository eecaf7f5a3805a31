package config

import (
	"crypto"
	"crypto/sha256"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// checkOwnKeys keeps the keys that sign for apps apart from those of issuers. An
// app holds what is signed for it: signed with an issuer's key, it would be one
// claim away from an assertion. Keys that are fetched are not known here; the bridge
// refuses those when assertions are verified.
func (l *loader) checkOwnKeys(c *Config) {
	for n, a := range c.Apps {
		l.checkOwnSecret(a, c.Apps[:n])
		owner, ok := a.Adapter.(adapter.KeyOwner)
		if !ok {
			continue
		}
		for _, key := range owner.PublicKeys() {
			if i := issuerOf(c.Issuers, key); i != nil {
				l.report.add(a.at.key("adapter"), "%q signs with a key of issuer.%s: whoever has a token of the app could enter others; "+
					"make a key of its own", a.AdapterName, i.Name)
			}
		}
	}
}

// checkOwnSecret keeps apps from sharing the secret that answers are signed with:
// somebody could bring what was signed for one, where they may do much, to the
// other.
func (l *loader) checkOwnSecret(a *App, others []*App) {
	own, shares := sharedSecret(a)
	if !shares {
		return
	}
	for _, other := range others {
		if theirs, share := sharedSecret(other); share && own == theirs {
			l.report.add(a.at.key("adapter"), "%q signs with the secret of app.%s: whoever enters one app could enter the other as well; "+
				"make another secret, in an [adapter.NAME] of its own", a.AdapterName, other.Name)
			return
		}
	}
}

// sharedSecret returns a hash of the secret that a's adapter signs with, if it and
// the app share one.
func sharedSecret(a *App) (hash [sha256.Size]byte, shares bool) {
	sharer, ok := a.Adapter.(adapter.SecretSharer)
	if !ok {
		return hash, false
	}
	return sharer.SharedSecret()
}

// issuerOf returns the issuer that has a key, or nil.
func issuerOf(issuers []*Issuer, key crypto.PublicKey) *Issuer {
	own, ok := key.(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return nil
	}
	for _, i := range issuers {
		for _, k := range i.Static {
			if own.Equal(k.Public) {
				return i
			}
		}
	}
	return nil
}
