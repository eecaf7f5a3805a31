package config

// readStoreTLS sets s.TLS, and returns what stands in the files that it is from.
func (l *loader) readStoreTLS(at place, s *Sessions) (contents []string) {
	t := clientTLS{
		at.key("ca_file"), at.key("client_cert_file"), at.key("client_key_file"),
		s.CAFile, s.ClientCertFile, s.ClientKeyFile,
	}
	s.TLS, contents = t.read(l)
	return contents
}
