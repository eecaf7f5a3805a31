package mapping

import (
	"maps"
	"slices"
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

// reaches reports whether list from uses list to, directly or not.
func (l listSet) reaches(from, to string) bool {
	seen := make(map[string]bool)
	var enter func(string) bool
	enter = func(list string) bool {
		if list == to {
			return true
		}
		if seen[list] {
			return false
		}
		seen[list] = true
		return slices.ContainsFunc(l[list], func(item string) bool {
			inner, isList := strings.CutPrefix(item, "@")
			return isList && enter(inner)
		})
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
	for _, list := range slices.Sorted(maps.Keys(l)) {
		if len(l[list]) == 0 {
			fail(RuleError{List: list, Problem: "empty list; name its groups, or remove it"})
		}
		for i, item := range l[list] {
			inner, isList := strings.CutPrefix(item, "@")
			_, known := l[inner]
			e := RuleError{List: list, Item: i + 1}
			switch {
			case item == "":
				e.Problem = "an empty group name"
			case !isList:
				continue
			case !known:
				e.Problem, e.Unknown = `no group list "`+item+`"; `+l.known(), item
			case l.reaches(inner, list):
				e.Problem = `contains itself through "` + item + `"`
			default:
				continue
			}
			fail(e)
		}
	}
}
