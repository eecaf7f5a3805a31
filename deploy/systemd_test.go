package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
)

// TestUnit: what the unit and the configuration beside it must agree on.
func TestUnit(t *testing.T) {
	unit := read(t, "systemd/ssobridge.service")
	c, err := config.Load("systemd/ssobridge.toml")
	if err != nil {
		t.Fatal(err)
	}
	stop, err := time.ParseDuration(one(t, unit, `\nTimeoutStopSec=(\d+)\n`) + "s")
	if err != nil || stop <= c.Server.DrainTimeout {
		t.Errorf("TimeoutStopSec %s (%v) is not longer than drain_timeout %s", stop, err, c.Server.DrainTimeout)
	}
	const program, arguments = "/usr/local/bin/ssobridge ", " --config /etc/ssobridge/ssobridge.toml"
	for _, line := range []string{
		"ExecStartPre=" + program + "check" + arguments,
		"ExecStart=" + program + "serve" + arguments,
		// In this order: no signal for a file that is wrong.
		"ExecReload=" + program + "check" + arguments + "\nExecReload=/bin/kill -HUP $MAINPID",
		"KillSignal=SIGTERM", "Restart=on-failure", "DynamicUser=yes", "CapabilityBoundingSet=", "NoNewPrivileges=yes",
		"ProtectSystem=strict", "MemoryDenyWriteExecute=yes", "RestrictAddressFamilies=AF_INET AF_INET6",
		"SystemCallFilter=@system-service",
	} {
		if !strings.Contains(unit, "\n"+line+"\n") {
			t.Errorf("the unit lacks %q", line)
		}
	}
}

// TestSocket: what the socket and the configuration that it stands in for must agree
// on.
func TestSocket(t *testing.T) {
	socket := read(t, "systemd/ssobridge.socket")
	c, err := config.Load("systemd/ssobridge.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"ListenStream=" + c.Server.Listen, "FileDescriptorName=listen", "Service=ssobridge.service", "WantedBy=sockets.target",
	} {
		if !strings.Contains(socket, "\n"+line+"\n") {
			t.Errorf("the socket lacks %q", line)
		}
	}
}

// TestUnitAnalysis lets systemd itself read the unit: a directive that is spelt
// wrong is ignored by it, and what it should protect stays open.
func TestUnitAnalysis(t *testing.T) {
	tool(t, "systemd-analyze")
	// verify wants the programs to be there.
	unit := strings.ReplaceAll(read(t, "systemd/ssobridge.service"), "=/usr/local/bin/ssobridge ", "=/bin/true ")
	path := filepath.Join(t.TempDir(), "ssobridge.service")
	if err := os.WriteFile(path, []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(filepath.Dir(path), "ssobridge.socket")
	if err := os.WriteFile(socket, []byte(read(t, "systemd/ssobridge.socket")), 0o600); err != nil {
		t.Fatal(err)
	}
	verify := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", path, socket)
	output, err := verify.CombinedOutput()
	if err != nil || strings.Contains(string(output), "ssobridge.s") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, output)
	}

	version, _ := exec.CommandContext(t.Context(), "systemd-analyze", "--version").Output()
	if !regexp.MustCompile(`^systemd (2[5-9]\d|[3-9]\d\d)`).Match(version) {
		t.Skip("systemd before 250 cannot judge a file")
	}
	// From 0, nothing exposed, to 100; an unrestricted service has 96.
	security := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager", path)
	if output, err := security.CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, output)
	}
}
