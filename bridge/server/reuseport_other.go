//go:build !unix

package server

import (
	"errors"
	"syscall"
)

func reusePort(string, string, syscall.RawConn) error {
	return errors.New("reuse_port: this system cannot share a port safely")
}
