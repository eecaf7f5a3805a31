package session

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/adaptertest"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/document"
	"github.com/ssobridge/ssobridge/bridge/adapter/session/codec"
)

// dataHeader stands for the session that an app reads: the suite is about headers.
const dataHeader = "X-Session"

// asHeader is an adapter that begins a session with every request, and shows what
// the app reads in it.
type asHeader struct{ *sessionAdapter }

func (a asHeader) Owns() adapter.Owned {
	owned := a.sessionAdapter.Owns()
	owned.Headers = append(slices.Clone(owned.Headers), dataHeader)
	return owned
}

func (a asHeader) Adapt(ctx context.Context, in adapter.Input) (adapter.Output, error) {
	if out, err := a.sessionAdapter.Adapt(ctx, in); err != nil || len(out.Header)+len(out.Cookies) > 0 {
		panic("a request is told something")
	}
	list, err := a.StartSession(ctx, in, nobody{})
	if err != nil {
		return adapter.Output{}, err
	}
	cookies := codec.Cookies{}
	for _, c := range list {
		cookies[c.Name] = c.Value
	}
	data, err := a.codec.Decode(ctx, cookies, codec.Times{Now: in.Time})
	if err != nil {
		panic(err)
	}
	for _, own := range []string{markerKey, "exp", "iat", "jti", "session_id", "_token"} {
		delete(data, own)
	}
	text, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	return adapter.Output{Header: http.Header{dataHeader: {string(text)}}}, nil
}

func readParts(name, value string) ([]adaptertest.Part, bool) {
	if name != dataHeader {
		return nil, false
	}
	var data map[string]any
	if err := json.Unmarshal([]byte(value), &data); err != nil {
		panic(err)
	}
	return parts("", data), true
}

// parts are the values of a session.
func parts(path string, data map[string]any) []adaptertest.Part {
	var all []adaptertest.Part
	for _, name := range slices.Sorted(maps.Keys(data)) {
		p := adaptertest.Part{Name: path + name}
		switch v := data[name].(type) {
		case map[string]any:
			all = append(all, parts(p.Name+".", v)...)
			continue
		case []any:
			p.IsList = true
			for _, item := range v {
				p.Values = append(p.Values, fmt.Sprint(item))
			}
		default:
			p.Values = []string{fmt.Sprint(v)}
		}
		all = append(all, p)
	}
	return all
}

// conforming are the options that the suites run with: people of theirs have a role
// and groups, and each field tells of something that only they have.
func conforming(tb testing.TB, f framework) *Options {
	tb.Helper()
	o := f.options(tb)
	o.Fields = map[string]document.Field{
		"user_id":    {From: "email", Required: true},
		"name":       {From: "name", Unsendable: "omit"},
		"groups":     {From: "groups"},
		"roles":      {From: "roles"},
		"department": {Claim: "department"},
	}
	o.AppMayChange = nil
	return o
}

func TestConformance(t *testing.T) {
	for _, f := range frameworks(t) {
		t.Run(f.codec, func(t *testing.T) {
			o := conforming(t, f)
			adaptertest.Run(t, func(tb testing.TB) adapter.Adapter { return asHeader{opened(tb, mustOpen(tb, o, serving))} },
				adaptertest.Options{Read: readParts})
		})
	}
}

func TestSessionConformance(t *testing.T) {
	other := serving
	other.App, other.Host = "forum", "forum.example.com"
	for _, f := range frameworks(t) {
		t.Run(f.codec, func(t *testing.T) {
			o := conforming(t, f)
			adaptertest.RunSessions(t, func(tb testing.TB) adapter.SessionStarter { return mustOpen(tb, o, serving) },
				adaptertest.SessionOptions{OpenOther: func(tb testing.TB) adapter.SessionStarter { return mustOpen(tb, o, other) }})
		})
	}
}
