package adaptertest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/adaptertest"
)

// Nobody is at these addresses, and nothing is asked there.
const (
	appDSN   = "postgres://ssobridge:nobody@127.0.0.1:9/app"
	appRedis = "redis://ssobridge:nobody@127.0.0.1:9/0"
)

// sessionHeader stands for a session: the suite, and golden files, are about headers.
const sessionHeader = "X-Session"

// session is what a preset of kind session says.
type session struct {
	Codec          string
	CookieName     string `toml:"cookie"`
	Lookup, Django map[string]any
}

// options are what an [adapter.NAME] must add.
func (s session) options() string {
	options := "secrets = [{ file = \"app.secret\" }]\n"
	if s.Codec == "gorilla" || s.Codec == "rails" {
		options += "cookie = \"_app_session\"\n"
	}
	if s.Codec == "express-session" {
		options += "express-session.redis = { file = \"redis.url\" }\n"
	}
	for name, table := range map[string]map[string]any{"lookup": s.Lookup, "django": s.Django} {
		if table != nil {
			options += name + ".dsn = { file = \"app.dsn\" }\n"
		}
	}
	return options
}

// lookedUp begins the line that says by what the app's database is asked.
const lookedUp = "  by "

// holding is an adapter of kind session, of which every request begins one. What
// only the app's database knows is not in it.
type holding struct{ adapter.SessionReader }

func (h holding) Owns() adapter.Owned {
	owned := h.SessionReader.Owns()
	owned.Headers = append(slices.Clone(owned.Headers), sessionHeader)
	return owned
}

func (h holding) Adapt(ctx context.Context, in adapter.Input) (adapter.Output, error) {
	if out, err := h.SessionReader.Adapt(ctx, in); err != nil || len(out.Header)+len(out.Cookies) > 0 {
		panic("a request is told something")
	}
	lines, err := h.DescribeSession(in)
	if err != nil {
		return adapter.Output{}, err
	}
	lines = append(lines, lookedUp+in.Principal.Email)
	return adapter.Output{Header: http.Header{sessionHeader: {strings.Join(lines, "\u00b6")}}}, nil
}

// openSession returns what a session holds, for golden files.
func (p preset) openSession(header, value string) (string, bool) {
	if p.Kind != "session" || header != sessionHeader {
		return "", false
	}
	value, _, _ = strings.Cut(value, "\u00b6"+lookedUp)
	return strings.ReplaceAll(value, "\u00b6", "\n    "), true
}

// readSession returns the values of its fields.
func (p preset) readSession(header, value string) ([]adaptertest.Part, bool) {
	if p.Kind != "session" || header != sessionHeader {
		return nil, false
	}
	var all []adaptertest.Part
	value, by, _ := strings.Cut(value, "\u00b6"+lookedUp)
	for line := range strings.SplitSeq(value, "\u00b6") {
		field, is := strings.CutPrefix(line, "  field ")
		if !is {
			continue
		}
		name, text, _ := strings.Cut(field, ": ")
		if strings.Contains(text, "(column ") { // not the person's
			all = append(all, adaptertest.Part{Name: name, Values: []string{text + " of " + by}})
			continue
		}
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			panic(err)
		}
		all = append(all, claimParts("", map[string]any{name: v})...)
	}
	return all, true
}

// TestSessionPresets: presets that need no server keep what sessions promise, and
// of the others, what is promised of all.
func TestSessionPresets(t *testing.T) {
	for _, p := range allPresets(t) {
		table := readPreset(t, p)
		if table.Kind != "session" {
			continue
		}
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			opened := func(tb testing.TB) adapter.SessionStarter { return open(tb, p).(holding).SessionReader }
			if table.Lookup == nil && table.Codec != "express-session" {
				adaptertest.RunSessions(t, opened, adaptertest.SessionOptions{Options: adaptertest.Options{Role: table.role()}})
			}
			plan := opened(t).SessionPlan()
			if p.SessionCookies != nil && !slices.Contains(p.SessionCookies, plan.Cookies[0]) {
				t.Errorf("session_cookies %q, and the plan has %q", p.SessionCookies, plan.Cookies)
			}
		})
	}
}
