package sso

import (
	"net/url"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// zulip is what Zulip reads in a form (remote_user_jwt in zerver/views/auth.py there):
// a token under a shared secret that holds the email. There must be no more in it:
// PyJWT refuses an audience that Zulip does not name, and an iat that is a moment
// ahead of Zulip's clock.
var zulip = protocol{
	returnPath: "/accounts/login/jwt/", subject: "email", source: "email",
	check: func(name string) string {
		if name != "email" {
			return "is nothing that Zulip reads of a person, which is email"
		}
		return ""
	},
	open: openZulip,
}

func openZulip(o *Options, secret string, env adapter.Env, back *url.URL, fail value.Fail) answerer {
	o.onlyForJWT(fail)
	m := o.openMinter(secret, env, back, fail)
	if m == nil {
		return nil
	}
	m.bare = true
	return func(in *adapter.Input, _ url.Values, all []said) (adapter.Output, error) {
		text, err := m.mint(in, all)
		if err != nil {
			return adapter.Output{}, err
		}
		return adapter.Output{Form: &adapter.Form{Action: m.address, Fields: map[string]string{"token": text}}}, nil
	}
}

// onlyForJWT refuses the options that no other protocol has.
func (o *Options) onlyForJWT(fail value.Fail) {
	for _, option := range []struct {
		key   string
		given bool
	}{{"issuer", o.Issuer != ""}, {"audience", o.Audience != ""}, {"send", o.Send != ""}} {
		if option.given {
			fail(option.key, `is for protocol = "jwt"; remove it`)
		}
	}
}
