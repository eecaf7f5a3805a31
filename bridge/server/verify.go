package server

import (
	"context"
	"fmt"
	"time"

	"github.com/ssobridge/ssobridge/bridge"
	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/verifier"
)

// VerifyAssertion verifies one assertion as app a of c would, for commands. It
// fetches the issuers' keys first if they are not in a file.
func VerifyAssertion(ctx context.Context, c *config.Config, a *config.App, assertion string) (*verifier.Principal, error) {
	var first error
	for _, i := range a.Issuers {
		keys, err := FetchKeys(ctx, i)
		if err != nil {
			return nil, fmt.Errorf("issuer %s: %w", i.Name, err)
		}
		v, err := bridge.NewVerifier(keys, c, a, i, time.Now)
		if err != nil {
			return nil, fmt.Errorf("issuer %s: %w", i.Name, err)
		}
		p, err := v.Verify(ctx, assertion)
		if err == nil {
			return p, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}
