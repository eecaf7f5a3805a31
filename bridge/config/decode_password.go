package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// password wants a table that says where the value is. How long it is, and whether it
// is one line, is for those who chose it.
func (d *decoder) password(path string, v any, dst reflect.Value) {
	t, file, ok := d.secretTable(path, v, secretWords{"password", "password", "file", "app.password", "APP_PASSWORD"})
	switch {
	case !ok:
	case file != "":
		dst.Set(reflect.ValueOf(adapter.NewPassword(func() (string, error) { return passwordFile(file) })))
	default:
		dst.Set(reflect.ValueOf(adapter.NewPassword(func() (string, error) { return passwordEnv(t.Env) })))
	}
}

func passwordFile(file string) (string, error) {
	data, err := readRegular(file, maxPrivateKeyBytes)
	if err != nil {
		return "", err
	}
	if err := worldReadable(file); err != nil {
		return "", err
	}
	password := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if err := checkPassword(password); err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	return password, nil
}

func passwordEnv(name string) (string, error) {
	password, set := os.LookupEnv(name)
	if !set {
		return "", fmt.Errorf("the environment has no variable %s", name)
	}
	if err := checkPassword(password); err != nil {
		return "", fmt.Errorf("variable %s: %w", name, err)
	}
	return password, nil
}

func checkPassword(password string) error {
	if password == "" {
		return errors.New("empty: write the password, or remove the option")
	}
	if !utf8.ValidString(password) {
		return errors.New("not UTF-8: write it as a text")
	}
	return nil
}
