package document

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// Describe lists the fields by name, for people to read, as things in "claim" or
// whatever else holds them; path stands before their names.
func Describe(in, path string, fields map[string]Field) []adapter.Sent {
	var sent []adapter.Sent
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		f := fields[name]
		sent = append(sent, f.sent(in, path+name)...)
	}
	return sent
}

func (f *Field) sent(in, name string) []adapter.Sent {
	if f.Object != nil {
		return Describe(in, name+".", f.Object)
	}
	var all []adapter.Sent
	for i := range f.List {
		all = append(all, f.List[i].sent(in, fmt.Sprintf("%s[%d]", name, i+1))...)
	}
	if f.List != nil {
		return all
	}
	src := f.Source()
	s := adapter.Sent{In: in, Name: name, Role: src.SendsRoles()}
	switch {
	case f.Const != nil:
		text, _ := json.Marshal(f.Const) //nolint:errchkjson // Open has said so
		s.Source = fmt.Sprintf("always %s", text)
	case f.Lookup != "":
		s.Source = fmt.Sprintf("column %q of the app's database", f.Lookup)
		if f.As != "" {
			s.How = append(s.How, "as "+f.As)
		}
		s.How = append(s.How, f.DescribeTyped(src, f.Type, f.Required, false)...)
	default:
		s.Source, s.How = src.Describe(), f.DescribeTyped(src, f.Type, f.Required, f.Unsendable == "omit")
	}
	return []adapter.Sent{s}
}
