package mapping

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// listSet are the named group lists of a policy.
type listSet map[string][]string

// members returns a list's groups and patterns, those of the lists it uses
// included. It enters each list once, so that lists that use each other in a
// circle, or the same list over and over, cost no more than their length.
func (l listSet) members(list string) []string {
	var groups []string
	seen := make(map[string]bool)
	var enter func(string)
	enter = func(list string) {
		if seen[list] {
			return
		}
		seen[list] = true
		for _, item := range l[list] {
			if inner, isList := strings.CutPrefix(item, "@"); isList {
				enter(inner)
			} else if item != "" {
				groups = append(groups, item)
			}
		}
	}
	enter(list)
	return groups
}

// way returns the lists by which list from uses list to, both included; nil: it
// does not.
func (l listSet) way(from, to string) []string {
	seen := make(map[string]bool)
	var enter func(list string) []string
	enter = func(list string) []string {
		if list == to {
			return []string{list}
		}
		if seen[list] {
			return nil
		}
		seen[list] = true
		for _, item := range l[list] {
			if inner, isList := strings.CutPrefix(item, "@"); isList {
				if rest := enter(inner); rest != nil {
					return append([]string{list}, rest...)
				}
			}
		}
		return nil
	}
	return enter(from)
}

// known says which lists there are.
func (l listSet) known() string {
	if len(l) == 0 {
		return `define it under [groups], or write the group's own name without "@"`
	}
	names := make([]string, 0, len(l))
	for _, name := range slices.Sorted(maps.Keys(l)) {
		names = append(names, `"@`+name+`"`)
	}
	return "there are " + strings.Join(names, ", ")
}

// check reports what is wrong with the lists themselves.
func (l listSet) check(fail func(RuleError)) {
	told := make(map[[2]string]bool) // which uses are part of a circle that was reported
	finite := l.finite()
	for _, list := range slices.Sorted(maps.Keys(l)) {
		if len(l[list]) == 0 {
			fail(RuleError{List: list, Problem: "empty list: name its groups, or remove it"})
		}
		for i, item := range l[list] {
			inner, isList := strings.CutPrefix(item, "@")
			_, known := l[inner]
			e := RuleError{List: list, Item: i + 1}
			switch {
			case item == "":
				e.Problem = "an empty group name: remove it"
			case !isList:
				continue
			case !known:
				e.Problem, e.Unknown = `no group list "`+item+`": `+l.known(), item
			case finite[inner] || told[[2]string{list, inner}]:
				continue
			default:
				way := l.way(inner, list)
				if way == nil {
					continue
				}
				e.Problem = circle(append([]string{list}, way...), told)
			}
			fail(e)
		}
	}
}

// finite returns the lists that no circle can be reached from, so that nobody
// needs to look for one there: the lists that use none, those that use only these,
// and so on.
func (l listSet) finite() map[string]bool {
	finite, uses, usedBy := make(map[string]bool, len(l)), make(map[string]int), make(map[string][]string)
	var ready []string
	for list, items := range l {
		for _, item := range items {
			if inner, isList := strings.CutPrefix(item, "@"); isList && l[inner] != nil {
				uses[list]++
				usedBy[inner] = append(usedBy[inner], list)
			}
		}
		if uses[list] == 0 {
			ready = append(ready, list)
		}
	}
	for len(ready) > 0 {
		list := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		finite[list] = true
		for _, by := range usedBy[list] {
			if uses[by]--; uses[by] == 0 {
				ready = append(ready, by)
			}
		}
	}
	return finite
}

// circle says that lists use each other in turn, and notes which.
func circle(lists []string, told map[[2]string]bool) string {
	names := make([]string, len(lists))
	for i, list := range lists {
		if names[i] = strconv.Quote("@" + list); names[i] == `"@`+list+`"` && !strings.Contains(list, " ") {
			names[i] = "@" + list
		}
		if i > 0 {
			told[[2]string{lists[i-1], list}] = true
		}
	}
	remove := ": remove one of these"
	if len(lists) == 2 {
		remove = ": remove it"
	}
	return "goes in a circle, " + strings.Join(names, " → ") + remove
}
