//go:build unix

package server

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// reusePort lets other processes of this user listen at the same address. It is a
// net.ListenConfig.Control.
func reusePort(_, _ string, c syscall.RawConn) error {
	var optErr error
	err := c.Control(func(fd uintptr) {
		optErr = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	})
	if err != nil {
		return err
	}
	return optErr
}
