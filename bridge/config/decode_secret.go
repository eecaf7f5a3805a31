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

// secretWords are what messages call a secret, the file that it is read from, and
// examples of both places.
type secretWords struct{ what, short, from, file, env string }

// secret wants a table that says where the value is.
func (d *decoder) secret(path string, v any, dst reflect.Value) {
	t, file, ok := d.secretTable(path, v, secretWords{"secret", "secret", "file", "app.secret", "APP_SECRET"})
	switch {
	case !ok:
	case file != "":
		dst.Set(reflect.ValueOf(adapter.NewSecret(func() (string, error) { return secretFile(file) })))
	default:
		dst.Set(reflect.ValueOf(adapter.NewSecret(func() (string, error) { return secretEnv(t.Env) })))
	}
}

// secretTable reads where a secret is: file is the path, or else t.Env the variable.
// Messages never repeat what somebody wrote in the table's place.
func (d *decoder) secretTable(path string, v any, words secretWords) (t secretTable, file string, ok bool) {
	at := place{d.doc, path}
	if _, isTable := v.(map[string]any); !isTable {
		d.report.spoil(at, "a %s does not stand in this file: write { file = %q } to read it from a %s, or { env = %q } from the environment",
			words.what, words.file, words.from, words.env)
		return t, "", false
	}
	d.table(path, v, &t)
	switch {
	case d.report.spoiltBelow(at):
		return t, "", false
	case t.File != "" && t.Env != "":
		d.report.spoil(at, "has file and env: keep one of them")
		return t, "", false
	case t.File == "" && t.Env == "":
		d.report.spoil(at, "says not where the %s is: write { file = %q } or { env = %q }", words.short, words.file, words.env)
		return t, "", false
	}
	if !d.doc.bounds.secretKey(at) || t.Env != "" && !d.doc.bounds.env(at, t.Env) {
		return t, "", false
	}
	file = resolvePath(at, t.File)
	return t, file, file != "" || t.Env != ""
}

// worldReadable says so if everybody on the machine can read a file.
func worldReadable(file string) error {
	if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o007 != 0 {
		return fmt.Errorf("%s is readable for everybody on this machine: chmod 600", file)
	}
	return nil
}

func secretFile(file string) (string, error) {
	data, err := readRegular(file, maxSecretBytes)
	if err != nil {
		return "", err
	}
	if err := worldReadable(file); err != nil {
		return "", err
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
