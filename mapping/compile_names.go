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
	if c.denies {
		return c.table.addDenial(k, text), true
	}
	return c.table.add(k, text), true
}

// groupNames is namesOf for groups, among which "@name" is a list.
func (c namer) groupNames(written []string, key string) []int32 {
	if len(written) == 0 {
		return c.namesOf(c.m.groups, written, nil, "groups", key)
	}
	var names []int32
	for i, text := range written {
		if n, ok := c.groupName(i+1, text, key); ok {
			names = append(names, n)
		}
	}
	return names
}

// groupName is groupNames for one item of the list; 0: key is no list.
func (c namer) groupName(item int, text, key string) (n int32, ok bool) {
	list, isList := strings.CutPrefix(text, "@")
	if !isList {
		return c.nameOf(c.m.groups, item, text, nil, key)
	}
	if n, ok = c.list(list); !ok {
		c.errs = append(c.errs, &RuleError{
			Rule: c.number, Path: []string{key}, Item: item, Unknown: text,
			Problem: fmt.Sprintf("no group list %q: %s", text, c.lists.known()),
		})
	}
	return n, ok
}

// list returns the number of a list, if there is one of the name. People's own
// groups are never looked up among lists: somebody in a group that is called
// "@sre" is not in the list.
func (c namer) list(list string) (int32, bool) {
	numbers, k := c.m.lists, c.m.groups
	if c.denies {
		numbers, k = c.m.denied, c.m.groups.denying()
	}
	if n, ok := numbers[list]; ok {
		return n, true
	}
	if _, ok := c.lists[list]; !ok {
		return 0, false
	}
	n := int32(len(c.table.names)) //nolint:gosec // bounded by the size of a file
	c.table.names = append(c.table.names, name{text: "@" + list, kind: k})
	numbers[list] = n
	return n, true
}

// joinLists tells every member of the lists that rules use which those are.
func (c *compiler) joinLists() {
	join := func(numbers map[string]int32, add func(k *kind, text string) int32) {
		for _, list := range slices.Sorted(maps.Keys(numbers)) {
			for _, member := range c.lists.members(list) {
				n := add(c.m.groups, member)
				// A member may be written twice, and then this list is its last.
				if lists := &c.table.names[n].lists; len(*lists) == 0 || (*lists)[len(*lists)-1] != numbers[list] {
					*lists = append(*lists, numbers[list])
				}
			}
		}
	}
	join(c.m.lists, c.table.add)
	join(c.m.denied, c.table.addDenial)
}
