package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestPathsAndLimits(t *testing.T) {
	for name, c := range map[string]struct {
		keys   string
		paths  Paths
		limits RequestLimits
	}{
		"defaults": {"", Paths{}, RequestLimits{MaxConcurrent: 5000, MaxPerPerson: 500}},
		"no limit": {"max_concurrent = 0", Paths{}, RequestLimits{}},
		"limits": {"max_concurrent = 7\nmax_body_bytes = 9\nrate = \"90/m\"\nburst = 4", Paths{},
			RequestLimits{MaxConcurrent: 7, MaxBody: 9, Rate: 1.5, Burst: 4}},
		"burst by rate":     {`rate = "90/m"`, Paths{}, RequestLimits{MaxConcurrent: 5000, MaxPerPerson: 500, Rate: 1.5, Burst: 3}},
		"one in an hour":    {`rate = "1/h"`, Paths{}, RequestLimits{MaxConcurrent: 5000, MaxPerPerson: 500, Rate: 1. / 3600, Burst: 1}},
		"no share of few":   {"max_concurrent = 128", Paths{}, RequestLimits{MaxConcurrent: 128}},
		"a browser's share": {"max_concurrent = 129", Paths{}, RequestLimits{MaxConcurrent: 129, MaxPerPerson: 64}},
		"own share":         {"max_concurrent = 50\nmax_concurrent_per_person = 9", Paths{}, RequestLimits{MaxConcurrent: 50, MaxPerPerson: 9}},
		"any share":         {"max_concurrent_per_person = 0", Paths{}, RequestLimits{MaxConcurrent: 5000}},
		"strict":            {`paths = "strict"`, Paths{Strict: true}, RequestLimits{MaxConcurrent: 5000, MaxPerPerson: 500}},
		"public paths are strict": {"encoded_slash = true\npublic = [{ path = \"/health\" }, { prefix = \"/ä b/\", methods = [\"POST\"] }]",
			Paths{Strict: true, EncodedSlash: true, Public: []PathRule{
				{Methods: []string{"GET"}, Path: "/health"}, {Methods: []string{"POST"}, Prefix: "/ä b/"},
			}}, RequestLimits{MaxConcurrent: 5000, MaxPerPerson: 500}},
		"unless they are not": {"paths = \"lenient\"\npublic = [{ path = \"/\" }]",
			Paths{Public: []PathRule{{Methods: []string{"GET"}, Path: "/"}}}, RequestLimits{MaxConcurrent: 5000, MaxPerPerson: 500}},
		"preflight": {"cors_preflight = true", Paths{CORSPreflight: true}, RequestLimits{MaxConcurrent: 5000, MaxPerPerson: 500}},
		"deny": {"deny = [{ prefix = \"/\", methods = [\"DELETE\"] }, { path = \"/x\" }]",
			Paths{Strict: true, Deny: []PathRule{{Methods: []string{"DELETE"}, Prefix: "/"}, {Path: "/x"}}}, RequestLimits{MaxConcurrent: 5000, MaxPerPerson: 500}},
	} {
		t.Run(name, func(t *testing.T) {
			text := "[app.grafana]\n" + c.keys
			got, err := Load(write(t, map[string]string{"config.toml": strings.Replace(minimal, "[app.grafana]", text, 1)}))
			if err != nil {
				t.Fatal(err)
			}
			ignored := []cmp.Option{cmpopts.IgnoreFields(PathRule{}, "Source"), cmpopts.IgnoreUnexported(PathRule{})}
			if diff := cmp.Diff(c.paths, got.Apps[0].Paths, ignored...); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.limits, got.Apps[0].Limits); diff != "" {
				t.Error(diff)
			}
		})
	}
}
