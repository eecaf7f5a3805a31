package jwt

import (
	"cmp"
	_ "embed" // of start.toml
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

var _ adapter.Describer = (*Options)(nil)

//go:embed start.toml
var start string

// Summary says what the kind is for.
func (*Options) Summary() string {
	return "a token for each request, signed by ssobridge, for apps that check one"
}

// Start returns an adapter to start one's own from.
func (*Options) Start() string { return start }

// Sends lists what carries the token, and the claims in it by name.
func (o *Options) Sends() []adapter.Sent {
	token := adapter.Sent{In: "header", Name: o.Header, Source: "a signed token", How: o.describeToken()}
	if o.Cookie != "" {
		token.In, token.Name = "cookie", o.Cookie
	}
	sent := []adapter.Sent{token}
	claims := maps.Clone(o.Claims)
	if claims == nil {
		claims = make(map[string]Claim, 1)
	}
	if _, has := claims["sub"]; !has {
		claims["sub"] = Claim{From: "subject", Required: true}
	}
	for _, name := range o.Omit {
		delete(claims, name)
	}
	return describe(sent, "", claims)
}

func (o *Options) describeToken() []string {
	var how []string
	if o.Prefix != "" {
		how = append(how, fmt.Sprintf("behind %q", o.Prefix))
	}
	return append(how, value.DescribeToken(cmp.Or(o.Issuer, defaultIssuer), o.Audience, o.Type, cmp.Or(o.Lifetime, defaultLifetime))...)
}

func describe(sent []adapter.Sent, path string, claims map[string]Claim) []adapter.Sent {
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		c := claims[name]
		if c.Object != nil {
			sent = describe(sent, path+name+".", c.Object)
			continue
		}
		s := adapter.Sent{In: "claim", Name: path + name, Role: c.source().SendsRoles()}
		if c.Const != nil {
			text, _ := json.Marshal(c.Const) //nolint:errchkjson // Open has said so
			s.Source = fmt.Sprintf("always %s", text)
		} else {
			s.Source, s.How = c.source().Describe(), c.describe()
		}
		sent = append(sent, s)
	}
	return sent
}

func (c *Claim) describe() []string {
	return c.words().DescribeTyped(c.source(), c.Type, c.Required, c.Unsendable == "omit")
}
