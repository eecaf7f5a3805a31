// Package adaptertest is the conformance suite of adapters: what the contract of
// package adapter promises, tried on an opened adapter with people who are
// plain, strange or hostile. Every kind and every preset passes it.
//
//	func TestMine(t *testing.T) {
//		adaptertest.Run(t, openMine, adaptertest.Options{Role: "user"})
//	}
package adaptertest

import (
	"testing"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/verifier"
)

// Options say what the suite cannot know of an adapter.
type Options struct {
	// Principal is somebody whom the adapter can send; nil: [Ann]. The suite
	// spoils each of their claims in turn, so they should have every claim that
	// the adapter reads.
	Principal *verifier.Principal
	// Role is a role of the app; empty: "Viewer".
	Role string
	// OtherRole is another one; empty: Role with "-2" behind it.
	OtherRole string
	// KnownBy names the headers, cookies or parts by which the app knows people. An empty
	// list, which is not nil, says that it is not told who somebody is. nil: what
	// [adapter.KnownBy] says of an [adapter.Identifier], and of others all that is sent.
	KnownBy []string
	// Gate says that the adapter tells the app nothing, on purpose.
	Gate bool
	// Unique names the claims that the adapter takes for one person's alone.
	Unique []string
	// Split reads the value of the header called name as the app does, if the
	// app takes it for a list: the items, in the words of the person's groups,
	// claims and roles. Of a header that is set several times, it gets the values
	// joined by ", ", as anything on the way may join them, and without it they
	// are split at the comma. It is needed by adapters that send lists: with it,
	// the suite makes sure that no group becomes two.
	Split func(name, value string) (items []string, isList bool)
	// Read takes the value of a header or cookie apart, if the app reads parts of
	// it, such as the claims of a token. The suite then looks at the parts as well,
	// and compares them instead of the value, so that what differs from one request
	// to the next must be left out. It should check what the app checks, and panic.
	Read func(name, value string) (parts []Part, ok bool)
}

// Part is something that the app reads within a value.
type Part struct {
	// Name is for messages, and one part's alone.
	Name string
	// Values are the texts; several or none only of a list.
	Values []string
	IsList bool
}

// Run tries the adapters that open returns; each call of open must return a new
// one of the same configuration.
func Run(t *testing.T, open func(t testing.TB) adapter.Adapter, o Options) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			c.run(newSuite(t.Context(), func() adapter.Adapter { return open(t) }, o), t.Errorf)
		})
	}
}

// report says what an adapter did wrong.
type report func(format string, args ...any)

// check is one promise of the contract.
type check struct {
	name string
	run  func(*suite, report)
}

var checks = []check{
	{"SendsPerson", sendsPerson},
	{"WithinOwns", withinOwns},
	{"OwnedNamesAgree", ownedNamesAgree},
	{"OneValuePerHeader", oneValuePerHeader},
	{"NoRoleIsDropped", noRoleIsDropped},
	{"AliasesAreOwned", aliasesAreOwned},
	{"HostileText", hostileText},
	{"ListItems", listItems},
	{"EmptyFields", emptyFields},
	{"TwoPeopleNeverBecomeOne", twoPeopleNeverBecomeOne},
	{"NobodyArrivesNameless", nobodyArrivesNameless},
	{"InputUnchanged", inputUnchanged},
	{"Deterministic", deterministic},
	{"Parallel", parallel},
	{"ErrorsSayNoValues", errorsSayNoValues},
}
