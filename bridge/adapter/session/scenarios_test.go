package session

import (
	"encoding/base64"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/session/codec"
)

// scene is an app with a session of Ann's.
type scene struct {
	t       *testing.T
	f       framework
	o       *Options
	a       adapter.SessionReader
	in      adapter.Input
	cookies map[string]string
}

func newScene(t *testing.T, f framework) *scene {
	t.Helper()
	s := &scene{t: t, f: f, o: f.options(t), in: inputOf(ann())}
	s.a = mustOpen(t, s.o, serving)
	s.cookies = begin(t, s.a, s.in)
	return s
}

// app has the app change its session, as of an answer to its visitor.
func (s *scene) app(change func(d codec.Data)) {
	s.t.Helper()
	a := opened(s.t, s.a)
	d, err := a.codec.Decode(s.t.Context(), s.cookies, codec.Times{Now: s.in.Time})
	if err != nil {
		s.t.Fatal(err)
	}
	change(d)
	if s.cookies, err = a.codec.Encode(s.t.Context(), d, codec.Times{Now: s.in.Time, Expires: s.in.Time.Add(8 * time.Hour)}); err != nil {
		s.t.Fatal(err)
	}
}

// reopen has the bridge read its configuration anew.
func (s *scene) reopen(env adapter.Env, change func(o *Options)) {
	s.t.Helper()
	o := *s.o
	change(&o)
	s.a = mustOpen(s.t, &o, env)
}

// TestScenarios is what becomes of a session, with each format. Whatever is said of
// a session but that it is kept makes the bridge drop it and begin another.
func TestScenarios(t *testing.T) {
	all := frameworks(t)
	const (
		foreign = adapter.SessionForeign
		other   = adapter.SessionOther
		expired = adapter.SessionExpired
		kept    = adapter.SessionKept
	)
	for _, tt := range []struct {
		name   string
		change func(s *scene)
		want   adapter.SessionVerdict
	}{
		{name: "the same person", change: func(*scene) {}, want: kept},
		{name: "the same person, a minute and another assertion later", change: func(s *scene) {
			s.in.Time = s.in.Time.Add(time.Minute)
			s.in.Principal.IssuedAt, s.in.Principal.ExpiresAt = s.in.Time, s.in.Time.Add(5*time.Minute)
			s.in.Principal.Claims["jti"] = "another"
		}, want: kept},
		{name: "the last second", change: func(s *scene) { s.in.Time = noon.Add(8*time.Hour - time.Second) }, want: kept},
		{name: "the end", change: func(s *scene) { s.in.Time = noon.Add(8 * time.Hour) }, want: expired},
		{name: "a day later", change: func(s *scene) { s.in.Time = noon.Add(24 * time.Hour) }, want: expired},
		{name: "another person", change: func(s *scene) {
			s.in.Principal.Subject, s.in.Principal.Email, s.in.Principal.SessionID = "77b1", "bob@example.com", "c01d"
		}, want: other},
		{name: "another person of the same email", change: func(s *scene) { s.in.Principal.Subject = "77b1" }, want: other},
		{name: "another issuer", change: func(s *scene) { s.in.Principal.Claims["iss"] = "https://evil.example.com/" }, want: other},
		{name: "signed in anew", change: func(s *scene) { s.in.Principal.SessionID = "c01d" }, want: other},
		{name: "a new email", change: func(s *scene) { s.in.Principal.Email = "ann@example.org" }, want: other},
		{name: "a new name", change: func(s *scene) { s.in.Principal.Name = "Ann Married" }, want: other},
		{name: "a role less", change: func(s *scene) { s.in.Decision.Roles = []string{"viewer"} }, want: other},
		{name: "a role more", change: func(s *scene) { s.in.Decision.Roles = []string{"editor", "admin"} }, want: other},
		{name: "another attribute", change: func(s *scene) {
			s.in.Decision.Attributes = map[string]string{"org": "Side"}
		}, want: other},
		{name: "another app", change: func(s *scene) {
			env := serving
			env.App = "forum"
			s.reopen(env, func(*Options) {})
		}, want: other},
		{name: "another field", change: func(s *scene) {
			s.reopen(serving, func(o *Options) { o.Omit = []string{"level"} })
		}, want: other},
		{name: "the app's own data", change: func(s *scene) {
			s.app(func(d codec.Data) { d["cart"], d["lang"] = []any{"a", int64(2)}, "en" })
		}, want: kept},
		{name: "a field that the app may change", change: func(s *scene) {
			s.app(func(d codec.Data) { d["fresh"] = false })
		}, want: kept},
		{name: "such a field removed", change: func(s *scene) { s.app(func(d codec.Data) { delete(d, "fresh") }) }, want: kept},
		{name: "CVE-2026-34454: the app makes Ann somebody else", change: func(s *scene) {
			s.app(func(d codec.Data) { d["user_id"] = "bob@example.com" })
		}, want: other},
		{name: "a role that the app adds", change: func(s *scene) {
			s.app(func(d codec.Data) { d["roles"] = append(d["roles"].([]any), "admin") })
		}, want: other},
		{name: "a field removed", change: func(s *scene) { s.app(func(d codec.Data) { delete(d, "name") }) }, want: other},
		{name: "a field of another type", change: func(s *scene) { s.app(func(d codec.Data) { d["level"] = "3" }) }, want: other},
		{name: "cleared by the app", change: func(s *scene) { s.app(func(d codec.Data) { clear(d); d["lang"] = "en" }) }, want: foreign},
		{name: "begun by the app itself", change: func(s *scene) { s.app(func(d codec.Data) { delete(d, markerKey) }) }, want: foreign},
		{name: "a later end", change: func(s *scene) {
			s.app(func(d codec.Data) {
				parts := strings.Split(d[markerKey].(string), ".")
				d[markerKey] = "1.9999999999." + parts[2]
			})
		}, want: other},
		{name: "a marker of nothing", change: func(s *scene) {
			s.app(func(d codec.Data) {
				d[markerKey] = "1.9999999999." + base64.RawURLEncoding.EncodeToString(make([]byte, 32))
			})
		}, want: other},
		{name: "a marker that is no text", change: func(s *scene) { s.app(func(d codec.Data) { d[markerKey] = int64(1) }) }, want: foreign},
		{name: "Bob's marker", change: func(s *scene) {
			bob := inputOf(ann())
			bob.Principal.Subject = "77b1"
			d, err := opened(s.t, s.a).codec.Decode(s.t.Context(), begin(s.t, s.a, bob), codec.Times{Now: noon})
			if err != nil {
				s.t.Fatal(err)
			}
			s.app(func(mine codec.Data) { mine[markerKey] = d[markerKey] })
		}, want: other},
		{name: "another secret", change: func(s *scene) {
			_, second := s.f.secrets()
			s.reopen(serving, func(o *Options) { o.Secrets = secretsOf(second) })
		}, want: foreign},
		{name: "no cookie", change: func(s *scene) { s.cookies = nil }, want: foreign},
		{name: "an empty cookie", change: func(s *scene) {
			for name := range s.cookies {
				s.cookies[name] = ""
			}
		}, want: foreign},
		{name: "a cookie of another kind", change: func(s *scene) {
			for name := range s.cookies {
				s.cookies[name] = "eyJhbGciOiJub25lIn0.eyJ1c2VyX2lkIjoiYW5uIn0."
			}
		}, want: foreign},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, f := range all {
				t.Run(f.codec, func(t *testing.T) {
					s := newScene(t, f)
					tt.change(s)
					got := read(t, s.a, s.in, s.cookies)
					// Some formats know the end themselves.
					if got != tt.want && (!f.ownEnd || tt.want != expired || got != foreign) {
						t.Errorf("%s, want %s", got, tt.want)
					}
				})
			}
		})
	}
}

// TestRotation: a second secret reads, and the first writes.
func TestRotation(t *testing.T) {
	for _, f := range frameworks(t) {
		t.Run(f.codec, func(t *testing.T) {
			if f.oneSecret {
				t.Skip("the framework has one secret")
			}
			s := newScene(t, f)
			first, second := f.secrets()
			old := s.a
			s.reopen(serving, func(o *Options) { o.Secrets = secretsOf(second, first) })
			if got := read(t, s.a, s.in, s.cookies); got != adapter.SessionKept {
				t.Errorf("from before: %s", got)
			}
			if got := read(t, old, s.in, begin(t, s.a, s.in)); got != adapter.SessionForeign {
				t.Errorf("from after, to whom has the old one only: %s", got)
			}
			// Between the two, the app writes with the one and the bridge's marker is of
			// the other.
			s.app(func(d codec.Data) { d["lang"] = "en" })
			if got := read(t, s.a, s.in, s.cookies); got != adapter.SessionKept {
				t.Errorf("written again by the app: %s", got)
			}
		})
	}
}

// TestPieces: a session that is cut into pieces is kept as a whole or not at all.
func TestPieces(t *testing.T) {
	for _, f := range frameworks(t) {
		if f.codec != "authjs" && f.codec != "nextauth" {
			continue
		}
		t.Run(f.codec, func(t *testing.T) {
			a, in := mustOpen(t, f.options(t), serving), inputOf(ann())
			in.Principal.Name = strings.Repeat("Ann ", 2000)
			cookies, plan := begin(t, a, in), a.SessionPlan()
			if len(cookies) < 2 {
				t.Fatalf("%d cookies", len(cookies))
			}
			if got := read(t, a, in, cookies); got != adapter.SessionKept {
				t.Errorf("%s", got)
			}
			for name := range cookies {
				if !plan.Match(name) {
					t.Errorf("%s is not in the plan", name)
				}
				less := maps.Clone(cookies)
				delete(less, name)
				if got := read(t, a, in, less); got == adapter.SessionKept {
					t.Errorf("kept without %s", name)
				}
			}
		})
	}
}

// TestFlips: no cookie with a bit flipped is kept.
func TestFlips(t *testing.T) {
	for _, f := range frameworks(t) {
		t.Run(f.codec, func(t *testing.T) {
			s := newScene(t, f)
			for name, value := range s.cookies {
				for i := range len(value) {
					changed := []byte(value)
					changed[i] ^= 1 << (i % 7)
					cookies := maps.Clone(s.cookies)
					cookies[name] = string(changed)
					if got := read(t, s.a, s.in, cookies); got == adapter.SessionKept {
						t.Fatalf("%s: kept with byte %d flipped", name, i)
					}
				}
				cookies := maps.Clone(s.cookies)
				cookies[name] += "A"
				if got := read(t, s.a, s.in, cookies); got == adapter.SessionKept {
					t.Errorf("%s: kept with a byte more", name)
				}
			}
		})
	}
}

// TestFormatsAreApart: a session of one format is none of another one's, although
// the secret is the same.
func TestFormatsAreApart(t *testing.T) {
	begun := map[string]map[string]string{}
	adapters := map[string]adapter.SessionReader{}
	for _, f := range frameworks(t) {
		if f.codec == "express-session" {
			continue // needs a server; its cookies name a session, and are none
		}
		adapters[f.codec] = mustOpen(t, f.options(t), serving)
		begun[f.codec] = begin(t, adapters[f.codec], inputOf(ann()))
	}
	for reader, a := range adapters {
		first := a.SessionPlan().Cookies[0]
		for writer, cookies := range begun {
			if writer == reader {
				continue
			}
			renamed := maps.Clone(cookies)
			renamed[first] = cookies[adapters[writer].SessionPlan().Cookies[0]]
			if got := read(t, a, inputOf(ann()), renamed); got != adapter.SessionForeign {
				t.Errorf("a session of %s is to %s: %s", writer, reader, got)
			}
		}
	}
}
