package adaptertest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// knownBy returns the names of what the app knows people by. all reports that nobody has
// said what that is; then it is whatever the app is told.
func (s *suite) knownBy() (names []string, all bool) {
	if s.o.KnownBy != nil {
		return s.o.KnownBy, false
	}
	if i, ok := s.a.(adapter.Identifier); ok {
		names, _ = adapter.KnownBy(nil, i.Told())
		return names, false
	}
	return nil, true
}

// carried are the values that an app receives under a name, or under names within it.
func (s *suite) carried(out adapter.Output, name string) []string {
	var values []string
	for header, list := range out.Header {
		if adapter.FoldName(header) == adapter.FoldName(name) {
			values = append(values, list...)
		}
	}
	for _, c := range out.Cookies {
		if c.Name == name {
			values = append(values, c.Value)
		}
	}
	for _, p := range s.parts(out) {
		if p.Name == name || strings.HasPrefix(p.Name, name+".") || strings.HasPrefix(p.Name, name+"[") {
			values = append(values, p.Values...)
		}
	}
	return values
}

// twins are people whom an app could take for one another. Their emails differ, and so do
// their subjects and whatever is declared one person's alone; all else is the same.
func (s *suite) twins() [][2]adapter.Input {
	_, domain, _ := strings.Cut(s.o.Principal.Email, "@")
	long := strings.Repeat("a", 60)
	var all [][2]adapter.Input
	for _, emails := range [][2]string{
		{s.o.Principal.Email, "eve@" + domain}, // who calls herself as the other does
		{"ann@" + domain, "ann@partner.example"},
		{"ann+ops@" + domain, "annops@" + domain},
		{"ann+ops@" + domain, "ann@" + domain},
		{"ann.b@" + domain, "annb@" + domain},
		{"ann..b@" + domain, "ann.b@" + domain},
		{"ann_b@" + domain, "ann-b@" + domain},
		{"o'brien@" + domain, "obrien@" + domain},
		{"zoë@" + domain, "zoe@" + domain},
		{long + "1@" + domain, long + "2@" + domain},
	} {
		pair := [2]adapter.Input{s.input(), s.input()}
		for i := range pair {
			p := pair[i].Principal
			p.Email = emails[i]
			p.Subject += fmt.Sprint("|", i)
			for _, name := range s.o.Unique {
				p.Claims[name] = fmt.Sprint(p.Claims[name], "-", i)
			}
		}
		all = append(all, pair)
	}
	return all
}

// twoPeopleNeverBecomeOne: somebody whom an app takes for another has all that the other
// has. People choose how they are called, and apps cut, fold and drop what they cannot
// store; so an adapter sends what keeps people apart, or refuses them.
func twoPeopleNeverBecomeOne(s *suite, r report) {
	names, all := s.knownBy()
	for _, pair := range s.twins() {
		what := pair[0].Principal.Email + " and " + pair[1].Principal.Email
		first, err := s.adapt(pair[0])
		second, errOfSecond := s.adapt(pair[1])
		if err != nil || errOfSecond != nil {
			for _, e := range []error{err, errOfSecond} {
				if e != nil {
					refuse(r, what, e)
				}
			}
			continue
		}
		if all && cmp.Equal(s.reading(first), s.reading(second)) {
			r("%s are told of in the same way", what)
		}
		for _, name := range names {
			if values := s.carried(first, name); slices.Equal(values, s.carried(second, name)) {
				r("%s are one: %s is %q for both", what, name, values)
			}
		}
	}
}

// nobodyArrivesNameless: what an app makes of somebody without a name is nobody's
// intention. Everybody has a subject, as package verifier makes sure.
func nobodyArrivesNameless(s *suite, r report) {
	names, all := s.knownBy()
	try := func(what string, in adapter.Input) {
		in.Principal.Subject = s.o.Principal.Subject
		out, err := s.adapt(in)
		if err != nil {
			refuse(r, what, err)
			return
		}
		if all && strings.TrimSpace(strings.Join(slices.Collect(maps.Values(s.values(out))), "")) == "" {
			r("somebody with %s arrives without anything that says who it is", what)
		}
		for _, name := range names {
			if strings.TrimSpace(strings.Join(s.carried(out, name), "")) == "" {
				r("somebody with %s arrives without %s", what, name)
			}
		}
	}
	nobody := s.input()
	for _, p := range s.places() {
		if strings.Contains(p.name, "role") {
			continue
		}
		in := s.input()
		p.put(&in, "")
		try("empty "+p.name, in)
		p.put(&nobody, "")
	}
	try("nothing but a subject", nobody)
	in := s.input()
	in.Principal.Claims, in.Principal.Groups = nil, nil
	try("no claims", in)
}
