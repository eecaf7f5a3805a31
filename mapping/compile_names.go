package mapping

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// namer numbers the names of a rule that keep people out, or those that let them in.
type namer struct {
	*compiler
	denies bool
}

func (c *compiler) with(denies bool) namer { return namer{c, denies} }

// namesOf returns the numbers of the names in one list of a rule; an absent list
// is no condition. what is said of an empty list.
func (c namer) namesOf(k *kind, written []string, check func(string) error, what string, path ...string) []int32 {
	if written != nil && len(written) == 0 {
		c.fail(fmt.Sprintf("empty list: name %s, or leave the key out", what), path...)
	}
	var names []int32
	for i, text := range written {
		if n, ok := c.nameOf(k, i+1, text, check, path...); ok {
			names = append(names, n)
		}
	}
	return names
}

// nameOf is namesOf for one item of the list.
func (c namer) nameOf(k *kind, item int, text string, check func(string) error, path ...string) (n int32, ok bool) {
	if check != nil {
		if err := check(text); err != nil {
			c.failItem(item, fmt.Sprintf("%q %v", text, err), path...)
			return 0, false
		}
	}
	if text == "" {
		c.failItem(item, "an empty name, which nobody has: remove it", path...)
		return 0, false
	}
	return c.add(k, text), true
}

// groupNames is namesOf for groups, among which "@name" is a list.
func (c namer) groupNames(written []string, key string) []int32 {
	if len(written) == 0 {
		return c.namesOf(c.m.groups, written, nil, "groups", key)
	}
	return c.listsOrNames(c.m.groups, written, nil, key)
}

// valuesOf is namesOf for a claim's values, likewise.
func (c namer) valuesOf(k *kind, written []string, path ...string) []int32 {
	if len(written) == 0 {
		return c.namesOf(k, written, nil, "values", path...)
	}
	return c.listsOrNames(k, written, k.checkValue, path...)
}

func (c namer) listsOrNames(k *kind, written []string, check func(string) error, path ...string) []int32 {
	var names []int32
	for i, text := range written {
		if n, ok := c.listOrName(k, i+1, text, check, path...); ok {
			names = append(names, n)
		}
	}
	return names
}

// groupName is groupNames for one item of the list; 0: key is no list.
func (c namer) groupName(item int, text, key string) (n int32, ok bool) {
	return c.listOrName(c.m.groups, item, text, nil, key)
}

func (c namer) listOrName(k *kind, item int, text string, check func(string) error, path ...string) (n int32, ok bool) {
	list, isList := strings.CutPrefix(text, "@")
	if !isList {
		return c.nameOf(k, item, text, check, path...)
	}
	if n, ok = c.list(k, list); ok {
		return n, true
	}
	problem := fmt.Sprintf("no group list %q: %s", text, c.lists.known())
	if k.claim != "" {
		problem = fmt.Sprintf("no group list %q: %s; for a value that begins with \"@\", write when = 'claims[%q] == %q'", text, c.lists.known(), k.claim, text)
	}
	c.errs = append(c.errs, &RuleError{Rule: c.number, Path: path, Item: item, Unknown: text, Problem: problem})
	return 0, false
}

// listUse is a list whose members are names of a kind.
type listUse struct {
	namer
	kind   *kind
	list   string
	number int32
}

// list returns the number of a list, if there is one of the name. People's own
// groups are never looked up among lists: somebody in a group that is called
// "@sre" is not in the list.
func (c namer) list(k *kind, list string) (int32, bool) {
	for _, use := range c.uses[list] {
		if use.kind == k && use.denies == c.denies {
			return use.number, true
		}
	}
	if _, ok := c.lists[list]; !ok {
		return 0, false
	}
	n, of := int32(len(c.table.names)), k //nolint:gosec // bounded by the size of a file
	if c.denies {
		of = k.denying()
	}
	c.table.names = append(c.table.names, name{text: "@" + list, kind: of, list: true})
	c.uses[list] = append(c.uses[list], listUse{c, k, list, n})
	return n, true
}

// joinLists tells every member of the lists that rules use which those are.
func (c *compiler) joinLists() {
	for _, list := range slices.Sorted(maps.Keys(c.uses)) {
		for _, use := range c.uses[list] {
			for _, member := range c.lists.members(list) {
				n := use.add(use.kind, member)
				// A member may be written twice, and then this list is its last.
				if lists := &c.table.names[n].lists; len(*lists) == 0 || (*lists)[len(*lists)-1] != use.number {
					*lists = append(*lists, use.number)
				}
			}
		}
	}
}

// add returns the number of a name.
func (c namer) add(k *kind, text string) int32 {
	if c.denies {
		return c.table.addDenial(k, text)
	}
	return c.table.add(k, text)
}
