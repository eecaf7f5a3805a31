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

// privateKey wants a table that says where the key is, a PEM file or a variable
// that holds the same.
func (d *decoder) privateKey(path string, v any, dst reflect.Value) {
	t, file, ok := d.secretTable(path, v, secretWords{"private key", "key", "PEM file", "jwt.key", "JWT_KEY"})
	switch {
	case !ok:
	case file != "":
		dst.Set(reflect.ValueOf(adapter.NewPrivateKey(func() ([]byte, error) { return privateKeyFile(file) })))
	default:
		dst.Set(reflect.ValueOf(adapter.NewPrivateKey(func() ([]byte, error) { return privateKeyEnv(t.Env) })))
	}
}

func privateKeyFile(file string) ([]byte, error) {
	data, err := readRegular(file, maxPrivateKeyBytes)
	if err != nil {
		return nil, err
	}
	// A public key, which is there to be published, is for everybody to read.
	if bytes.Contains(data, []byte("PRIVATE KEY")) {
		if err := worldReadable(file); err != nil {
			return nil, err
		}
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
