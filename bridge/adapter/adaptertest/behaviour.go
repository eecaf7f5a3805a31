package adaptertest

import (
	"net/http"
	"strings"
	"sync"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// emptyFields: an empty header is a person without a name to one app and no
// header, so whatever a client says, to another.
func emptyFields(s *suite, r report) {
	try := func(what string, in adapter.Input) {
		out, err := s.adapt(in)
		if err != nil {
			refuse(r, what, err)
			return
		}
		for carrier, value := range s.values(out) {
			if strings.TrimSpace(value) == "" {
				r("%s: %s is empty", what, carrier)
			}
		}
	}
	for _, p := range s.places() {
		in := s.input()
		p.put(&in, "")
		try("empty "+p.name, in)
	}
	for _, p := range s.emailPlaces() {
		in := s.input()
		p.put(&in, "")
		try("empty "+p.name, in)
	}
	in := s.input()
	in.Principal.Groups, in.Principal.Claims = nil, nil
	try("no groups and claims", in)
	in = s.input()
	for _, p := range s.places() {
		p.put(&in, "")
	}
	in.Principal.Groups, in.Principal.Claims = nil, nil
	try("nobody", in)
}

// noRoleIsDropped: one of two roles may be less than the person has or, if the
// other is there to hold them back, more. An app that takes one role is told of
// nobody who has two.
func noRoleIsDropped(s *suite, r report) {
	try := func(roles ...string) (answer, bool) {
		in := s.input()
		in.Decision.Roles = roles
		out, err := s.adapt(in)
		if err != nil {
			refuse(r, "roles "+strings.Join(roles, " and "), err)
		}
		return answer{Reading: s.reading(out)}, err == nil
	}
	first, _ := try(s.o.Role)
	second, known := try(s.o.OtherRole)
	if known && cmp.Equal(first, second) {
		return // the app is told of no role
	}
	both, sent := try(s.o.Role, s.o.OtherRole)
	if sent && (cmp.Equal(both, first) || cmp.Equal(both, second)) {
		r("of the roles %q and %q the app is told of one", s.o.Role, s.o.OtherRole)
	}
}

// observed is what of an input can be compared.
type observed struct {
	Input   adapter.Input
	Request *http.Request
	Header  http.Header
	URL     string
}

func observe(in adapter.Input) observed {
	o := observed{Input: in, Header: in.Request.Header, URL: in.Request.URL.String()}
	o.Input.Request = nil
	return o
}

// inputUnchanged: the bridge logs the principal, and passes on the request,
// after Adapt has seen them.
func inputUnchanged(s *suite, r report) {
	inputs, copies := s.everybody(), s.everybody()
	for i, in := range inputs {
		request := *in.Request
		_, _ = s.adapt(in)
		if diff := cmp.Diff(observe(copies[i]), observe(in)); diff != "" {
			r("Adapt changed its input (-before +after):\n%s", diff)
		}
		if in.Request.Method != request.Method || in.Request.Host != request.Host || in.Request.Body != request.Body {
			r("Adapt changed the request")
		}
	}
}

// answer is what Adapt returns, in a form that compares.
type answer struct {
	Reading reading
	Error   string
}

func (s *suite) answer(a adapter.Adapter, in adapter.Input) answer {
	out, err := s.call(a, in)
	if err != nil {
		return answer{s.reading(out), err.Error()}
	}
	return answer{Reading: s.reading(out)}
}

// deterministic: the same person at the same time is told in the same way, by
// every instance and after every reload.
func deterministic(s *suite, r report) {
	second := s.reopen()
	again := s.everybody()
	for i, in := range s.everybody() {
		first := s.answer(s.a, in)
		for _, a := range []adapter.Adapter{s.a, second} {
			if diff := cmp.Diff(first, s.answer(a, again[i])); diff != "" {
				r("the same input gave different answers (-first +second):\n%s", diff)
			}
		}
	}
}

// parallel: requests of different people at the same time, whose answers must
// not get mixed up. It finds most under -race.
func parallel(s *suite, r report) {
	inputs := s.everybody()
	want := make([]answer, len(inputs))
	for i, in := range inputs {
		want[i] = s.answer(s.a, in)
	}
	const workers = 8
	got := make([][]answer, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			got[w] = make([]answer, len(inputs))
			for i := range inputs {
				i = (i + w*len(inputs)/workers) % len(inputs)
				got[w][i] = s.answer(s.a, inputs[i])
			}
		})
	}
	wg.Wait()
	for w := range got {
		if diff := cmp.Diff(want, got[w]); diff != "" {
			r("answers differ when requests come at the same time (-alone +together):\n%s", diff)
		}
	}
}

// errorsSayNoValues: errors are logged, and values are people's data.
func errorsSayNoValues(s *suite, r report) {
	for _, p := range s.places() {
		for _, text := range append([]string{"", "zoë-canary", "canary,b", `canary"`, " canary "}, hostileTexts()...) {
			in := s.input()
			p.put(&in, text)
			_, err := s.adapt(in)
			if err == nil {
				continue
			}
			for _, secret := range []string{canary, s.o.Principal.Email, s.o.Principal.Subject, s.o.Principal.Name} {
				if secret != "" && strings.Contains(err.Error(), secret) {
					r("%s %q: the error quotes the person: %v", p.name, text, err)
				}
			}
		}
	}
}
