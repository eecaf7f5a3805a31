package config

import (
	"bytes"
	"fmt"
	"os"
	"reflect"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// maxPrivateKeyBytes has room for an RSA key of 8192 bits.
const maxPrivateKeyBytes = 16 << 10

// privateKey wants a table that says where the key is. As with secrets, messages
// never repeat what somebody wrote in its place.
func (d *decoder) privateKey(path string, v any, dst reflect.Value) {
	at := place{d.doc, path}
	if _, ok := v.(map[string]any); !ok {
		d.report.spoil(at, `a private key does not stand in this file: write { file = "jwt.key" } to read it from a PEM file, or { env = "JWT_KEY" } from the environment`)
		return
	}
	var t secretTable
	d.table(path, v, &t)
	var read func() ([]byte, error)
	switch {
	case d.report.spoiltBelow(at):
		return
	case t.File != "" && t.Env != "":
		d.report.spoil(at, "has file and env: keep one of them")
		return
	case t.File != "":
		file := resolvePath(at, t.File)
		read = func() ([]byte, error) { return privateKeyFile(file) }
	case t.Env != "":
		read = func() ([]byte, error) { return privateKeyEnv(t.Env) }
	default:
		d.report.spoil(at, `says not where the key is: write { file = "jwt.key" } or { env = "JWT_KEY" }`)
		return
	}
	dst.Set(reflect.ValueOf(adapter.NewPrivateKey(read)))
}

func privateKeyFile(file string) ([]byte, error) {
	data, err := readRegular(file, maxPrivateKeyBytes)
	if err != nil {
		return nil, err
	}
	// A public key, which is there to be published, is for everybody to read.
	private := bytes.Contains(data, []byte("PRIVATE KEY"))
	if info, err := os.Stat(file); err != nil || private && info.Mode().Perm()&0o007 != 0 {
		return nil, fmt.Errorf("%s is readable for everybody on this machine: chmod 600", file)
	}
	return data, nil
}

func privateKeyEnv(name string) ([]byte, error) {
	text, set := os.LookupEnv(name)
	if !set {
		return nil, fmt.Errorf("the environment has no variable %s", name)
	}
	return []byte(text), nil
}
