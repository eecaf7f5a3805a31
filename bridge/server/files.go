package server

import (
	"context"
	"log/slog"

	"github.com/ssobridge/ssobridge/bridge/config"
)

// ownFiles are the file descriptors of a server that serves nobody, with what operators
// and stores of sessions need.
const ownFiles = 64

// roomFor returns how many connections may be open at the same time: at most most, and
// no more than the process's limit of open files leaves for them and as many to apps.
// Without any left for apps, who is accepted would get 502, and operators would not even
// be accepted. 0, no limit, is somebody's decision.
//
// Who has chosen max_connections is warned where they get noticeably less; the default
// is meant as a limit, not as a promise.
func roomFor(l config.Limits, log *slog.Logger) int {
	most := l.MaxConnections
	files, known := maxFiles()
	room := max(1, (files-min(ownFiles, files/4))/2)
	if !known || most <= room {
		return most
	}
	if most-room < most/20 {
		return room
	}
	level := slog.LevelInfo
	if l.MaxConnectionsSet {
		level = slog.LevelWarn
	}
	log.Log(context.Background(), level,
		"fewer connections are accepted than max_connections: a higher limit of open files (ulimit -n, LimitNOFILE=) allows more",
		"max_connections", most, "open_files", files, "accepted", room)
	return room
}
