// Package seeds makes property tests repeatable. A test imports it for its effect:
//
//	import _ "github.com/ssobridge/ssobridge/verifier/verifiertest/seeds"
//
// Properties of pgregory.net/rapid then run with the same seed each time, and a failure
// leaves no file behind. The environment variable SSOBRIDGE_SEED chooses another seed, as
// the flag -rapid.seed does.
package seeds

import (
	"cmp"
	"flag"
	"os"

	"pgregory.net/rapid" // defines the flags
)

func init() { //nolint:gochecknoinits // a package that is imported for its effect has no other way
	var _ *rapid.T
	for name, value := range map[string]string{
		"rapid.seed":       cmp.Or(os.Getenv("SSOBRIDGE_SEED"), "20261201"),
		"rapid.nofailfile": "true",
	} {
		if err := flag.Set(name, value); err != nil {
			panic("seeds: " + err.Error())
		}
	}
}
