// Package keys gets the keys of issuers: for the bridge, which keeps them fresh, and for
// commands, which ask for them once.
package keys

import (
	"context"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
)

// Issuer describes one issuer's keys for operators. Its JSON form is an
// interface: fields are added, never renamed.
type Issuer struct {
	Issuer string `json:"issuer"`
	// From is where the keys come from: a URL or a file.
	From string `json:"from"`
	// Usable reports whether assertions can be verified.
	Usable bool  `json:"usable"`
	Keys   []Key `json:"keys"`
	// Skipped says of each published key that is not used which it is and why.
	Skipped []string `json:"skipped,omitempty"`
	// ConfirmedAt is when the issuer last published the keys, NextRefresh when
	// they are fetched again; null for keys from a file.
	ConfirmedAt *time.Time `json:"confirmed_at"`
	NextRefresh *time.Time `json:"next_refresh"`
	// LastError is why the last fetch failed; empty if it did not.
	LastError string `json:"last_error,omitempty"`
}

// Key is one key.
type Key struct {
	ID        string `json:"key_id"`
	Algorithm string `json:"algorithm"`
}

// Describe tells what keys an issuer has; fetched is nil if they are in a file.
func Describe(i *config.Issuer, fetched Fetched) Issuer {
	d := Issuer{Issuer: i.Name, Keys: []Key{}}
	keys := i.Static
	if fetched == nil {
		d.From, d.Usable = i.JWKSFile+i.PublicKeyFile, true // one of them is empty
	} else {
		st := fetched.Status()
		d.From, d.Usable, keys, d.Skipped = st.URL, st.Usable, st.Keys, st.Skipped
		if !st.ConfirmedAt.IsZero() {
			d.ConfirmedAt = &st.ConfirmedAt
		}
		if !st.NextRefresh.IsZero() {
			d.NextRefresh = &st.NextRefresh
		}
		if st.LastError != nil {
			d.LastError = st.LastError.Error()
		}
	}
	for _, k := range keys {
		d.Keys = append(d.Keys, Key{k.ID, k.Algorithm})
	}
	return d
}

// FetchAll asks every issuer of c for its keys, once. What fails is in
// LastError.
func FetchAll(ctx context.Context, c *config.Config) []Issuer {
	all := make([]Issuer, len(c.Issuers))
	for n, i := range c.Issuers {
		if !i.Fetched() {
			all[n] = Describe(i, nil)
			continue
		}
		fetched, err := Open(i, "", nil)
		if err != nil {
			all[n] = Issuer{Issuer: i.Name, From: i.JWKSURL + i.DiscoveryURL, Keys: []Key{}, LastError: err.Error()}
			continue
		}
		_ = fetched.Refresh(ctx) // its error is in the status
		all[n] = Describe(i, fetched)
	}
	return all
}
