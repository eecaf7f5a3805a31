//go:build !unix

package server

func maxFiles() (n int, known bool) { return 0, false }
