package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
)

// IssuerKeys describes one issuer's keys for operators. Its JSON form is an
// interface: fields are added, never renamed.
type IssuerKeys struct {
	Issuer string `json:"issuer"`
	// From is where the keys come from: a URL or a file.
	From string `json:"from"`
	// Usable reports whether assertions can be verified.
	Usable bool      `json:"usable"`
	Keys   []KeyInfo `json:"keys"`
	// Skipped says of each published key that is not used which it is and why.
	Skipped []string `json:"skipped,omitempty"`
	// ConfirmedAt is when the issuer last published the keys, NextRefresh when
	// they are fetched again; null for keys from a file.
	ConfirmedAt *time.Time `json:"confirmed_at"`
	NextRefresh *time.Time `json:"next_refresh"`
	// LastError is why the last fetch failed; empty if it did not.
	LastError string `json:"last_error,omitempty"`
}

// KeyInfo is one key.
type KeyInfo struct {
	ID        string `json:"key_id"`
	Algorithm string `json:"algorithm"`
}

// describe tells what keys an issuer has; fetched is nil if they are in a file.
func describe(i *config.Issuer, fetched fetchedKeys) IssuerKeys {
	d := IssuerKeys{Issuer: i.Name, Keys: []KeyInfo{}}
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
		d.Keys = append(d.Keys, KeyInfo{k.ID, k.Algorithm})
	}
	return d
}

// describeKeys answers GET /keys on the admin listener.
func (s *server) describeKeys(w http.ResponseWriter, _ *http.Request) {
	all := []IssuerKeys{}
	for _, i := range s.state.issuers() {
		all = append(all, describe(i.issuer, i.fetched))
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(all) // the client may have gone
}

// FetchIssuerKeys asks every issuer of c for its keys, once. What fails is in
// LastError.
func FetchIssuerKeys(ctx context.Context, c *config.Config) []IssuerKeys {
	all := make([]IssuerKeys, len(c.Issuers))
	for n, i := range c.Issuers {
		if !i.Fetched() {
			all[n] = describe(i, nil)
			continue
		}
		fetched, err := openFetchedKeys(i, "", nil)
		if err != nil {
			all[n] = IssuerKeys{Issuer: i.Name, From: i.JWKSURL + i.DiscoveryURL, Keys: []KeyInfo{}, LastError: err.Error()}
			continue
		}
		_ = fetched.Refresh(ctx) // its error is in the status
		all[n] = describe(i, fetched)
	}
	return all
}

// RunningIssuerKeys asks the bridge that runs on c for the keys it has.
func RunningIssuerKeys(ctx context.Context, c *config.Config) ([]IssuerKeys, error) {
	dial, host, err := dialAdmin(c.Server.AdminListen)
	if err != nil {
		return nil, fmt.Errorf("asking the running bridge: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/keys", nil)
	if err != nil {
		return nil, fmt.Errorf("asking the running bridge: %w", err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}}).Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking the running bridge: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking the running bridge: status %d", resp.StatusCode)
	}
	var all []IssuerKeys
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&all); err != nil {
		return nil, errors.New("asking the running bridge: it answers something else")
	}
	return all, nil
}
