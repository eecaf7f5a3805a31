package bridge_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/decision"
)

// owning is an adapter that sets every name that it owns.
type owning struct{ owned adapter.Owned }

func (o owning) Owns() adapter.Owned { return o.owned }

func (o owning) Adapt(context.Context, adapter.Input) (adapter.Output, error) {
	out := adapter.Output{Header: http.Header{}}
	for _, name := range o.owned.Headers {
		if !strings.EqualFold(name, "Cookie") {
			out.Header.Set(name, "ours")
		}
	}
	for _, name := range o.owned.Cookies {
		out.Cookies = append(out.Cookies, &http.Cookie{Name: name, Value: "ours"})
	}
	return out, nil
}

// Of every name that any preset owns, in whatever spelling it is sent, twice or once,
// as a trailer, or nominated by Connection, the upstream sees what the adapter says.
func TestOwnedNamesOfEveryPresetHaveOneValue(t *testing.T) {
	presets, err := config.BuiltinPresets()
	if err != nil || len(presets) < 50 {
		t.Fatalf("%d presets, %v", len(presets), err)
	}
	r := newRig(t)
	for i := range presets {
		p := &presets[i]
		c := loadConfig(t, r.issuer, fmt.Sprintf(rigConfig, r.upstreamAddr))
		c.Apps[0].Adapter, c.Apps[0].SessionCookies = owning{p.Owned}, nil
		s, err := decision.Build(c, r.deps)
		if err != nil {
			t.Fatal(err)
		}
		r.bridge.Swap(s)
		t.Run(p.Name, func(t *testing.T) { r.attackOwned(t, &p.Owned) })
	}
}

func (r *rig) attackOwned(t *testing.T, o *adapter.Owned) {
	names := append([]string{}, o.Headers...)
	for _, prefix := range o.Prefixes {
		names = append(names, prefix+"Other")
	}
	var claims, trailers []string
	for _, name := range names {
		for _, spelling := range spellings(name) {
			claims = append(claims, spelling+": mallory", spelling+": mallory")
		}
		claims = append(claims, "Connection: "+name, "Trailer: "+name)
		trailers = append(trailers, name+": mallory", strings.ReplaceAll(name, "-", "_")+": mallory")
	}
	for _, name := range o.Cookies {
		for _, spelling := range spellings(name) {
			if !strings.ContainsAny(spelling, ",;=\"") {
				claims = append(claims, "Cookie: theme=dark; "+spelling+"=mallory;"+spelling+" =mallory; \""+spelling+"\"=mallory")
			}
		}
	}
	head := []string{"POST / HTTP/1.1", "Host: grafana.example.com", "Transfer-Encoding: chunked", "X-Pomerium-Jwt-Assertion: " + r.ann()}
	end := "\r\n\r\n2\r\nhi\r\n0\r\n" + strings.Join(append(trailers, "", ""), "\r\n")
	if len(claims) == 0 {
		claims = []string{"X-Harmless: 1"}
	}
	for some := range slices.Chunk(claims, 150) { // as many as there may be in one request
		wantStatus(t, r.raw(strings.Join(slices.Concat(head, some), "\r\n")+end), http.StatusOK)
		r.ownsAlone(t, o)
	}
}

// ownsAlone looks at what the upstream has seen last.
func (r *rig) ownsAlone(t *testing.T, o *adapter.Owned) {
	t.Helper()
	raw := r.upstream.last(t)
	if strings.Contains(raw, "mallory") {
		t.Errorf("the upstream sees\n%s", raw)
	}
	for _, name := range o.Headers {
		if got := lines(raw, name); !strings.EqualFold(name, "Cookie") && (len(got) != 1 || !strings.HasSuffix(got[0], ": ours")) {
			t.Errorf("%s: %q", name, got)
		}
	}
	for _, name := range o.Cookies {
		if n := strings.Count(raw, name+"=ours"); n != 1 {
			t.Errorf("cookie %s: %d times", name, n)
		}
	}
}
