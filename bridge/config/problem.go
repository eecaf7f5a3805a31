package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/wording"
)

// Problem is one thing that is wrong with the configuration, and what would be
// right.
type Problem struct {
	// File is the file's name as it was given to Load, or a file that one
	// includes.
	File string
	// Line counts from 1.
	Line int
	// Key is the path of the key, "app.grafana.rule[1].role"; empty for a
	// problem of the file as a whole.
	Key string
	// Message says what is wrong and what would be right.
	Message string
}

// String is the problem as people read it: "file:line: key: message".
func (p Problem) String() string {
	if p.Key == "" {
		return wording.Visible(fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message))
	}
	return wording.Visible(fmt.Sprintf("%s:%d: %s: %s", p.File, p.Line, p.Key, p.Message))
}

// Problems are everything that is wrong with a configuration, sorted by file
// and line.
type Problems []Problem

// Error lists the problems, one on a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// reporter collects problems and keeps one mistake from being told twice.
type reporter struct {
	problems Problems
	seen     map[Problem]bool
	// spoilt holds the keys whose value could not be decoded, or was written
	// under a misspelt name. What is said of them later, such as "required",
	// would be an echo of the mistake and not another one.
	spoilt map[place]bool
	// around are the keys that a spoilt one lies in, and itself.
	around map[place]bool
}

// place is a key in a file.
type place struct {
	doc  *document
	path string
}

func (p place) key(key string) place { return place{p.doc, joinKey(p.path, key)} }

func (p place) index(n int) place { return place{p.doc, joinIndex(p.path, n)} }

// compare orders places by file and line.
func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.doc.name, q.doc.name), cmp.Compare(p.doc.line(p.path), q.doc.line(q.path)))
}

// source is the place as people read it, "file:line".
func (p place) source() string { return p.doc.source(p.path) }

func newReporter() *reporter {
	return &reporter{seen: map[Problem]bool{}, spoilt: map[place]bool{}, around: map[place]bool{}}
}

// add reports a problem with the key at path, unless the key is spoilt.
func (r *reporter) add(at place, format string, args ...any) {
	if !r.isSpoilt(at) {
		r.record(at.doc.problem(at.path, format, args...))
	}
}

// mute keeps problems of a key quiet that follow from one of another key.
func (r *reporter) mute(at place) {
	r.spoilt[at] = true
	for _, path := range prefixes(at.path) {
		r.around[place{at.doc, path}] = true
	}
}

// spoil reports a problem with the key at path and keeps later ones quiet.
func (r *reporter) spoil(at place, format string, args ...any) {
	r.add(at, format, args...)
	r.mute(at)
}

// isSpoilt reports whether the key at path is spoilt, or one that it lies in.
func (r *reporter) isSpoilt(at place) bool {
	return len(r.spoilt) > 0 && slices.ContainsFunc(prefixes(at.path), func(path string) bool { return r.spoilt[place{at.doc, path}] })
}

// spoiltBelow reports whether a key at path or below is spoilt.
func (r *reporter) spoiltBelow(at place) bool { return r.around[at] }

// record adds a problem once, however many ways lead to it: apps share named
// lists and adapters.
func (r *reporter) record(p Problem) {
	if !r.seen[p] {
		r.seen[p] = true
		r.problems = append(r.problems, p)
	}
}

// sorted returns the problems in order, nil if there are none.
func (r *reporter) sorted() Problems {
	slices.SortStableFunc(r.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return r.problems
}
