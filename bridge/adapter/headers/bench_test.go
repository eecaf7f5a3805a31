package headers

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkAdapt is the grafana preset.
func BenchmarkAdapt(b *testing.B) {
	a := mustOpen(b, Options{Header: map[string]Header{
		"X-Webauth-User":   {From: "email", Required: true},
		"X-Webauth-Email":  {From: "email", Required: true},
		"X-Webauth-Name":   {From: "name", Encode: "utf-8", Unsendable: "omit"},
		"X-Webauth-Role":   {From: "role", Required: true},
		"X-Webauth-Groups": {From: "groups", Join: ",", Quote: true, Encode: "utf-8", Unsendable: "omit", Append: "sync_marker"},
	}})
	for _, groups := range []int{0, 10, 200} {
		b.Run(fmt.Sprintf("groups=%d", groups), func(b *testing.B) {
			p := ann()
			p.Groups = nil
			for i := range groups {
				p.Groups = append(p.Groups, fmt.Sprintf("team-%03d@example.com", i))
			}
			in := inputOf(p)
			b.ReportAllocs()
			for b.Loop() {
				in.Time = in.Time.Add(time.Second)
				if _, err := a.Adapt(b.Context(), in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
