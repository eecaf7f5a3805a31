package jwt

import (
	"cmp"
	_ "embed" // of start.toml
	"fmt"
	"maps"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/document"
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
	return append(sent, document.Describe("claim", "", claims)...)
}

func (o *Options) describeToken() []string {
	var how []string
	if o.Prefix != "" {
		how = append(how, fmt.Sprintf("behind %q", o.Prefix))
	}
	how = append(how, value.DescribeToken(cmp.Or(o.Issuer, defaultIssuer), o.Audience, o.Type, cmp.Or(o.Lifetime, defaultLifetime))...)
	if len(o.KeyTypes) > 0 {
		how = append(how, "under a key of type "+strings.Join(o.KeyTypes, " or "))
	}
	if o.Backdate > 0 {
		how = append(how, "iat "+value.DescribeDuration(o.Backdate)+" back")
	}
	if o.Reuse > 0 {
		how = append(how, "the same for "+value.DescribeDuration(o.Reuse))
	}
	return how
}
