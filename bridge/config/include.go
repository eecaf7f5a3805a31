package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// includeTable is an entry of include: files, and what they may name. A plain string is
// files that may name everything.
type includeTable struct {
	Files     string   `toml:"files"`
	Apps      []string `toml:"apps"`
	Hosts     []string `toml:"hosts"`
	Upstreams []string `toml:"upstreams"`
	Secrets   string   `toml:"secrets"`
	Env       []string `toml:"env"`
	Adapters  []string `toml:"adapters"`
	Lists     []string `toml:"lists"`
	Issuers   []string `toml:"issuers"`
	Roles     []string `toml:"roles"`

	// plain: the entry is a string.
	plain bool
}

// include wants a pattern of files, or a table that also says what they may name.
func (d *decoder) include(path string, v any, dst reflect.Value) {
	switch v := v.(type) {
	case string:
		dst.Set(reflect.ValueOf(includeTable{Files: v, plain: true}))
	case map[string]any:
		d.table(path, v, dst.Addr().Interface())
	default:
		d.wrongType(path, `a string, or a table such as { files = "teams/a/*.toml", apps = ["a-*"] }`, v)
	}
}

// include is a file to include, the entry that says so, and what the file may name.
type include struct {
	path   string
	at     place
	bounds *bounds // nil: everything
}

func (l *loader) readInclude(file include) bool {
	data, err := readRegular(file.path, maxConfigBytes)
	if err != nil {
		l.report.add(file.at, "%v", err)
		return false
	}
	doc, problem := parseDocument(file.path, data)
	if problem != nil {
		l.report.record(*problem)
		return false
	}
	doc.bounds = file.bounds
	for _, key := range []string{"server", "sessions", "include"} {
		if doc.has(key) {
			l.report.spoil(place{doc, key}, "belongs in %s, which includes this file", l.path)
		}
	}
	l.add(doc)
	return true
}

// includes returns the files of the entries, each once, in the order of the entries and
// sorted within one.
func (l *loader) includes(entries []includeTable) []include {
	var files []include
	for i, entry := range entries {
		at := place{l.main, "include"}.index(i + 1)
		if entry.plain {
			l.trusted = append(l.trusted, trustedInclude{at, entry.Files})
		}
		files = l.includesOf(files, entry, at)
	}
	return files
}

// includesOf adds the files of one entry to those of the entries before it.
func (l *loader) includesOf(files []include, entry includeTable, at place) []include {
	if entry.Files == "" {
		if !entry.plain {
			at = at.key("files")
		}
		l.report.add(at, `missing: name the files to include, such as "teams/a/*.toml"`)
		return files
	}
	full := entry.Files
	if !filepath.IsAbs(full) {
		full = filepath.Join(escapeGlob(filepath.Dir(l.path)), full)
	}
	l.patterns = append(l.patterns, full)
	limits := l.validBounds(at, entry)
	matches, err := filepath.Glob(full)
	switch {
	case err != nil:
		l.report.add(at, "%q is no file name pattern: * and ? stand for characters, [a-z] for one of several", entry.Files)
	case len(matches) == 0:
		l.includesLack = true
		l.report.add(at, "%s", noMatch(entry.Files, full, filepath.Dir(l.path)))
	}
	slices.Sort(matches)
	for _, match := range matches {
		other := slices.IndexFunc(files, func(f include) bool { return f.path == match })
		switch {
		case filepath.Clean(match) == filepath.Clean(l.path):
			l.report.add(at, "%q includes this file in itself: keep included files in a directory of their own", entry.Files)
		case other >= 0 && (files[other].bounds != nil || limits != nil):
			l.report.add(at, "%s is also a file of %s: only one entry can say what it may name", match, files[other].at.path)
		case other >= 0:
		case !l.checkIncludeFile(at, match, full, limits != nil):
		default:
			files = append(files, include{match, at, limits})
		}
	}
	return files
}

// noMatch says why no file matches a pattern. filepath.Glob calls a directory that cannot
// be read empty.
func noMatch(written, full, dir string) string {
	base := fixedDir(full)
	if _, err := os.ReadDir(base); err != nil && !os.IsNotExist(err) {
		return fmt.Sprintf("no file matches %q, since %s cannot be read (%v): let the user that ssobridge runs as read it", written, base, reason(err))
	}
	return fmt.Sprintf("no file matches %q in %s: correct the pattern, or remove it", written, dir)
}

// fixedDir is the directory of a pattern before its first wildcard.
func fixedDir(pattern string) string {
	dir := filepath.Dir(pattern)
	for strings.ContainsAny(dir, `*?[`) && !escaped(dir) {
		dir = filepath.Dir(dir)
	}
	return unescapeGlob(dir)
}

// escaped reports whether every wildcard of a pattern stands for itself.
func escaped(pattern string) bool {
	plain := strings.NewReplacer(`\\`, "", `\*`, "", `\?`, "", `\[`, "").Replace(pattern)
	return !strings.ContainsAny(plain, `*?[`)
}

func unescapeGlob(dir string) string {
	if filepath.Separator == '\\' {
		return dir
	}
	return strings.NewReplacer(`\\`, `\`, `\*`, `*`, `\?`, `?`, `\[`, `[`).Replace(dir)
}

// escapeGlob makes a directory's name stand for itself in a pattern.
func escapeGlob(dir string) string {
	if filepath.Separator == '\\' {
		return dir // where a backslash cannot escape
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// checkIncludeFile reports whether a file that an entry matches can be trusted as the
// entry says: nobody else can put it there, and one with bounds is no link to a file of
// somebody else.
func (l *loader) checkIncludeFile(at place, file, pattern string, bounded bool) bool {
	dir := filepath.Dir(file)
	if open := openDirectory(dir, escaped(pattern)); open != "" {
		l.report.add(at, "%s can be written by everybody on this machine, who could then add rules of their own: chmod o-w", open)
		return false
	}
	if base := fixedDir(pattern); bounded && !within(base, file) {
		l.report.add(at, "%s is a symbolic link to a file outside of %s: put the file itself there", file, base)
		return false
	}
	return true
}

// openDirectory returns dir, or one that it lies in, if everybody can put files in the
// place of others there. In dir itself, everybody may add none either, unless it is for a
// single file and sticky.
func openDirectory(dir string, single bool) string {
	real, err := filepath.EvalSymlinks(dir)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	for first := true; err == nil; first = false {
		info, statErr := os.Stat(real)
		if statErr == nil && worldWritable(info) && (info.Mode()&os.ModeSticky == 0 || first && !single) {
			return real
		}
		parent := filepath.Dir(real)
		if parent == real {
			return ""
		}
		real = parent
	}
	return ""
}
