package server

import (
	"context"
	"time"

	"github.com/ssobridge/ssobridge/bridge"
	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/verifier"
)

// VerifyAssertion verifies one assertion as app a of c would, for commands. It
// fetches the issuer's keys first if they are not in a file.
func VerifyAssertion(ctx context.Context, c *config.Config, a *config.App, assertion string) (*verifier.Principal, error) {
	keys := verifier.StaticKeys(a.Issuer.Static...)
	if a.Issuer.JWKSURL != "" {
		remote, err := NewRemoteKeys(a.Issuer, nil)
		if err != nil {
			return nil, err
		}
		if err := remote.Refresh(ctx); err != nil {
			return nil, err
		}
		keys = remote
	}
	v, err := verifier.New(keys, bridge.VerifierOptions(c, a, time.Now))
	if err != nil {
		return nil, err
	}
	return v.Verify(ctx, assertion)
}
