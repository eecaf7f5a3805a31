package adapter_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// TestAccountsHide: whatever prints accounts or options prints no password.
func TestAccountsHide(t *testing.T) {
	accounts := &adapter.Accounts{Emails: map[string]adapter.Account{"ann@example.com": {"password": "canary"}}}
	options := struct{ Credentials adapter.Credentials }{adapter.NewCredentials(func() (*adapter.Accounts, error) { return accounts, nil })}
	var log strings.Builder
	handlers := []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)}
	for _, v := range []any{accounts, *accounts, accounts.Emails, accounts.Emails["ann@example.com"], options} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "canary") {
				t.Errorf("%s of %T: %s", verb, v, text)
			}
		}
		for _, h := range handlers {
			slog.New(h).Info("x", "v", v)
		}
	}
	if strings.Contains(log.String(), "canary") {
		t.Errorf("logged: %s", log.String())
	}
}
