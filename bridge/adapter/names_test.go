package adapter_test

import (
	"io/fs"
	"strings"
	"testing"

	"pgregory.net/rapid"

	_ "github.com/ssobridge/ssobridge/verifier/verifiertest/seeds" // properties are repeatable

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

func TestFoldName(t *testing.T) {
	tests := []struct{ name, want string }{
		{"X-Remote-User", "x-remote-user"},
		{"X_Remote_User", "x-remote-user"},
		{"x.remote.user", "x-remote-user"},
		{"X-REMOTE_user", "x-remote-user"},
		{"HTTP_X", "http-x"},
		{"X-User2", "x-user2"},
		{"", ""},
		{"-", "-"},
		// More hyphens are another name to every server.
		{"X--User", "x--user"},
		// Bytes of UTF-8 count one by one, and never as letters: "K" here is the
		// Kelvin sign, which lower-cases to "k".
		{"\u212aey", "---ey"},
		{strings.Repeat("X-", 100), strings.Repeat("x-", 100)},
	}
	for _, tt := range tests {
		if got := adapter.FoldName(tt.name); got != tt.want {
			t.Errorf("FoldName(%q) = %q, want %q", tt.name, got, tt.want)
		}
		if got := string(adapter.AppendFolded([]byte("a"), tt.name)); got != "a"+tt.want {
			t.Errorf("AppendFolded(a, %q) = %q", tt.name, got)
		}
	}
}

// TestFoldNameIsCGI: two names that a gateway interface makes one variable are
// one name here.
func TestFoldNameIsCGI(t *testing.T) {
	variable := func(name string) string {
		return "HTTP_" + strings.Map(func(r rune) rune {
			if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
				return r
			}
			return '_'
		}, strings.ToUpper(name))
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching("[-A-Za-z0-9_.!#$%&'*+^`|~]{1,8}")
		a, b := name.Draw(t, "a"), name.Draw(t, "b")
		if (variable(a) == variable(b)) != (adapter.FoldName(a) == adapter.FoldName(b)) {
			t.Fatalf("%q and %q are %q and %q", a, b, adapter.FoldName(a), adapter.FoldName(b))
		}
	})
}

func TestAppendFoldedDoesNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() { buf = adapter.AppendFolded(buf[:0], "X_Remote_User") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestOptionErrorText(t *testing.T) {
	err := &adapter.OptionError{Key: "header.X-User.from", Problem: "missing"}
	if got, want := err.Error(), "header.X-User.from: missing"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestPresetsAreEmbedded(t *testing.T) {
	files, err := fs.Glob(adapter.Presets, "presets/*.toml")
	if err != nil || len(files) == 0 {
		t.Errorf("presets: %v, %v", files, err)
	}
}
