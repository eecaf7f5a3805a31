package verifier

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// keyFile keeps the last good JWKS of one issuer on disk, so that a restart
// while the issuer does not answer still has keys. Whoever can write the file
// can sign in as anyone, so it belongs to us alone and is vetted like an answer
// from the network when it is read.
type keyFile struct {
	path   string // "": there is none
	issuer string // whose discovery named the keys' URL; "": nobody's
}

// cachedKeys is the file's content.
type cachedKeys struct {
	Issuer      string          `json:"issuer,omitempty"`
	URL         string          `json:"jwks_url"`
	ConfirmedAt time.Time       `json:"confirmed_at"`
	JWKS        json.RawMessage `json:"jwks"`
}

// load returns the keys in the file and the URL that they are from, which
// checkURL must find fit. There are none, and no error, where there is no file.
func (f keyFile) load(now time.Time, checkURL func(string) error) (url string, _ *remoteState, _ error) {
	if f.path == "" {
		return "", nil, nil
	}
	info, err := os.Lstat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, fmt.Errorf("reading cached keys: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o022 != 0 || info.Size() > 2*maxJWKSBytes {
		return "", nil, fmt.Errorf("reading cached keys: %s is not a file that only its owner can write", f.path)
	}
	data, err := os.ReadFile(f.path)
	if err != nil {
		return "", nil, fmt.Errorf("reading cached keys: %w", err)
	}
	var c cachedKeys
	if err := json.Unmarshal(data, &c); err != nil {
		return "", nil, fmt.Errorf("reading cached keys: %s is damaged", f.path)
	}
	switch {
	case c.Issuer != f.issuer:
		return "", nil, fmt.Errorf("reading cached keys: %s holds those of another issuer", f.path)
	case c.ConfirmedAt.After(now):
		return "", nil, fmt.Errorf("reading cached keys: %s is from the future", f.path)
	}
	if err := checkURL(c.URL); err != nil {
		return "", nil, fmt.Errorf("reading cached keys: %s: %w", f.path, err)
	}
	keys, err := ParseJWKS(c.JWKS)
	if err != nil {
		return "", nil, fmt.Errorf("reading cached keys: %s: %w", f.path, err)
	}
	return c.URL, &remoteState{set: newKeySet(keys, nil), keys: keys, confirmed: c.ConfirmedAt}, nil
}

// store replaces the file in one step: a crash leaves the old or the new one.
func (f keyFile) store(url string, s *remoteState) error {
	data, err := json.Marshal(cachedKeys{Issuer: f.issuer, URL: url, ConfirmedAt: s.confirmed, JWKS: s.jwks})
	if err != nil {
		return fmt.Errorf("caching keys: %w", err)
	}
	// CreateTemp makes the file readable and writable for its owner only.
	temp, err := os.CreateTemp(filepath.Dir(f.path), filepath.Base(f.path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("caching keys: %w", err)
	}
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), f.path)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
		return fmt.Errorf("caching keys: %w", err)
	}
	return nil
}
