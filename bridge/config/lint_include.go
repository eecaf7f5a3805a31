package config

// includes warns about files that are trusted with everything.
func (l *linter) includes() {
	for _, i := range l.config.trusted {
		l.warn(i.at, LintTrustedInclude, "the files of %q may name every app, host, upstream, secret and adapter: "+
			"say what they may with { files = %[1]q, apps = [...], hosts = [...], upstreams = [...], secrets = \"...\" }", i.files)
	}
}

// trustedInclude is an entry of include that is a plain string.
type trustedInclude struct {
	at    place
	files string
}
