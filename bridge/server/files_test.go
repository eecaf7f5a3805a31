//go:build unix

package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/config"
)

// A default that does not fit by a hair is nothing to warn of at every start.
func TestRoomForWarnsOfWhatSomebodyChose(t *testing.T) {
	files, known := maxFiles()
	if !known {
		t.Skip("the limit of open files is not known")
	}
	room := (files - min(ownFiles, files/4)) / 2
	for name, c := range map[string]struct {
		most int
		set  bool
		want string // the level of what is said; "": nothing
	}{
		"no limit":           {0, true, ""},
		"it fits":            {room, true, ""},
		"a little too many":  {room + room/30, true, ""},
		"the default":        {2 * room, false, "INFO"},
		"somebody's choice":  {2 * room, true, "WARN"},
		"the default, a bit": {room + room/30, false, ""},
	} {
		var out bytes.Buffer
		got := roomFor(config.Limits{MaxConnections: c.most, MaxConnectionsSet: c.set}, slog.New(slog.NewTextHandler(&out, nil)))
		if got != min(c.most, room) {
			t.Errorf("%s: %d connections, of %d", name, got, room)
		}
		if text := out.String(); (text == "") != (c.want == "") || !strings.Contains(text, c.want) {
			t.Errorf("%s: %q", name, text)
		}
	}
}
