package adapter_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

func TestSecret(t *testing.T) {
	missing := errors.New("no such file")
	s := adapter.NewSecret(func() (string, error) { return "hush", missing })
	if s.IsZero() || !(adapter.Secret{}).IsZero() {
		t.Error("IsZero does not tell whether there is a secret")
	}
	serving := adapter.Env{ReadSecrets: true}
	if value, err := s.Read(serving); value != "hush" || !errors.Is(err, missing) {
		t.Errorf("to serve: %q, %v", value, err)
	}
	// Where nothing is served, the file need not be there.
	if value, err := s.Read(adapter.Env{}); value != "(secret)" || err != nil {
		t.Errorf("to look at: %q, %v", value, err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(verb, s); strings.Contains(text, "hush") {
			t.Errorf("%s prints %s", verb, text)
		}
	}
}

func TestPasswordHides(t *testing.T) {
	p := adapter.NewPassword(func() (string, error) { return "hush", nil })
	if value, err := p.Read(adapter.Env{ReadSecrets: true}); value != "hush" || err != nil {
		t.Errorf("to serve: %q, %v", value, err)
	}
	if value, err := p.Read(adapter.Env{}); value != adapter.HiddenSecret || err != nil {
		t.Errorf("to look at: %q, %v", value, err)
	}
	if _, err := (adapter.Password{}).Read(adapter.Env{ReadSecrets: true}); err == nil {
		t.Error("none is read")
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(verb, map[string]adapter.Password{"password": p}); strings.Contains(text, "hush") {
			t.Errorf("%s prints %s", verb, text)
		}
	}
}
