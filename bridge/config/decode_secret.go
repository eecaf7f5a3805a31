package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

const (
	minSecretBytes = 16
	maxSecretBytes = 4 << 10
)

// secretTable says where a secret is.
type secretTable struct {
	File string `toml:"file"`
	Env  string `toml:"env"`
}

// secret wants a table that says where the value is. Its messages never repeat
// what somebody wrote in the value's place.
func (d *decoder) secret(path string, v any, dst reflect.Value) {
	at := place{d.doc, path}
	if _, ok := v.(map[string]any); !ok {
		d.report.spoil(at, `a secret does not stand in this file: write { file = "app.secret" } to read it from a file, or { env = "APP_SECRET" } from the environment`)
		return
	}
	var t secretTable
	d.table(path, v, &t)
	switch {
	case d.report.spoiltBelow(at):
	case t.File != "" && t.Env != "":
		d.report.spoil(at, "has file and env: keep one of them")
	case t.File != "":
		file := resolvePath(at, t.File)
		dst.Set(reflect.ValueOf(adapter.NewSecret(func() (string, error) { return secretFile(file) })))
	case t.Env != "":
		dst.Set(reflect.ValueOf(adapter.NewSecret(func() (string, error) { return secretEnv(t.Env) })))
	default:
		d.report.spoil(at, `says not where the secret is: write { file = "app.secret" } or { env = "APP_SECRET" }`)
	}
}

func secretFile(file string) (string, error) {
	data, err := readRegular(file, maxSecretBytes)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o007 != 0 {
		return "", fmt.Errorf("%s is readable for everybody on this machine: chmod 600", file)
	}
	// Editors and most commands end a file with a line break.
	secret := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if err := checkSecret(secret); err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	return secret, nil
}

func secretEnv(name string) (string, error) {
	secret, set := os.LookupEnv(name)
	if !set {
		return "", fmt.Errorf("the environment has no variable %s", name)
	}
	if err := checkSecret(secret); err != nil {
		return "", fmt.Errorf("variable %s: %w", name, err)
	}
	return secret, nil
}

func checkSecret(secret string) error {
	if len(secret) < minSecretBytes {
		return fmt.Errorf("shorter than %d bytes, so it could be guessed: `openssl rand -hex 32` makes one", minSecretBytes)
	}
	if strings.ContainsAny(secret, "\r\n") {
		return errors.New("more than one line: a secret is one")
	}
	return nil
}
