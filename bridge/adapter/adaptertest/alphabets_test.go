package adaptertest_test

import (
	"errors"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/adaptertest"
	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/mapping"
)

// TestNamesOfAnotherAlphabet: an app that changes a name which it cannot have may make of
// it somebody else's, so such a name is refused. The rules are the apps' own; each
// preset says where they stand.
func TestNamesOfAnotherAlphabet(t *testing.T) {
	for _, tt := range []struct {
		preset            string
		accepted, refused []string // addresses, up to the "@"
	}{
		{
			"gitea",
			[]string{"ann", "Ann", "ann.k", "ann-k", "ann_k", "a.b-c_d", "a1", "1a"},
			[]string{"ann+ops", "o'brien", "ann..k", "ann.-k", "ann__k", ".ann", "-ann", "_ann", "ann.", "ann-", "ann_", "ann/k", "ghost", "Ghost", "gitea-actions", "abcdefghijklmnopqrstuvwxyzabcdefghijklmno"},
		},
		{"mediawiki", []string{"ann", "ann_k", "ann..k", "ann+ops"}, []string{"ann__k", "_ann", "ann_", "o'brien", "ann#k", "ann/k"}},
		{"filebrowser", []string{"ann", "ann.k", "ann-k"}, []string{"ann..k", "ann--k", "ann+ops", "ann.-k", ".ann"}},
		{"checkmk", []string{"ann", "ann+ops", "_ann"}, []string{"-ann", ".ann", "+ann", "o'brien"}},
		{"freshrss", []string{"ann", "ann.k", "_ann"}, []string{"-ann", ".ann", "ann+ops", "o'brien"}},
		{"nextcloud", []string{"ann", "ann.k"}, []string{"ann+ops", "o'brien"}},
	} {
		t.Run(tt.preset, func(t *testing.T) {
			p, err := config.LookupPreset(tt.preset)
			if err != nil {
				t.Fatal(err)
			}
			a := open(t, p)
			try := func(local string) error {
				person := adaptertest.Ann()
				person.Email = local + "@example.com"
				_, err := a.Adapt(t.Context(), adapter.Input{Principal: person, Decision: mapping.Decision{Roles: []string{readPreset(t, p).role()}, Rule: 1}})
				return err
			}
			for _, local := range tt.accepted {
				if err := try(local); err != nil {
					t.Errorf("%s: %v", local, err)
				}
			}
			for _, local := range tt.refused {
				if err := try(local); !errors.Is(err, adapter.ErrUnsendable) {
					t.Errorf("%s is accepted: %v", local, err)
				}
			}
		})
	}
}
