package value

import (
	"strings"
	"testing"
)

func TestAllowed(t *testing.T) {
	tests := []struct{ allow, in, out string }{
		{"a-z", "amz", "A0-`{"},
		{"a-z0-9._-", "az09._-", "A+@/"},
		{"-a", "-a", "b"},
		{"a-", "a-", "b"},
		{"-", "-", "a"},
		{"a-c-e", "abc-e", "d"},
		{" ", " ", "a"},
	}
	for _, tt := range tests {
		set := allowed(tt.allow)
		if set == nil {
			t.Errorf("%q cannot be read", tt.allow)
			continue
		}
		for c := range byte(128) {
			if strings.IndexByte(tt.in, c) >= 0 && !set[c] || strings.IndexByte(tt.out, c) >= 0 && set[c] {
				t.Errorf("%q: %q: %t", tt.allow, c, set[c])
			}
		}
	}
	for _, bad := range []string{"z-a", "A-z", "0-z", " -~", "a-\u007f", "\n", "é", "a-é"} {
		if allowed(bad) != nil {
			t.Errorf("%q is taken for a set", bad)
		}
	}
}
