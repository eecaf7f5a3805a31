package config

import (
	"strings"
	"testing"
	"time"
)

// TestListsBehindEscapedMembersAreUsed: \u0040 is an "@" to the expression, and
// whoever believes that no rule uses the list removes it.
func TestListsBehindEscapedMembersAreUsed(t *testing.T) {
	const policy = `
[issuer.pomerium]
jwks_url = "https://x.example.com/jwks.json"
[groups]
sre = ["sre@example.com"]
unused = ["unused@example.com"]
[app.wiki]
host = "wiki.example.com"
upstream = "http://127.0.0.1:3001"
adapter = "remote-user"
[[app.wiki.rule]]
role = "reader"
when = '''member("\u0040sre") || member("3b1f0c9e\x2d1111-2222-3333-444444444444") || name == 'member("@unused")' '''
`
	c, err := ParsePolicy("ssobridge.toml", []byte(policy))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range c.Warnings(time.Now()) {
		got = append(got, w.String())
	}
	all := strings.Join(got, "\n")
	if strings.Contains(all, "@sre") || !strings.Contains(all, `no rule uses "@unused"`) || !strings.Contains(all, "looks like a directory ID") {
		t.Error(all)
	}
}
