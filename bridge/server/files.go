package server

import "log/slog"

// ownFiles are the file descriptors of a server that serves nobody, with what operators
// and stores of sessions need.
const ownFiles = 64

// roomFor returns how many connections may be open at the same time: at most most, and
// no more than the process's limit of open files leaves for them and as many to apps.
// Without any left for apps, who is accepted would get 502, and operators would not even
// be accepted. 0, no limit, is somebody's decision.
func roomFor(most int, log *slog.Logger) int {
	files, known := maxFiles()
	room := max(1, (files-min(ownFiles, files/4))/2)
	if !known || most <= room {
		return most
	}
	log.Warn("fewer connections are accepted than max_connections: a higher limit of open files (ulimit -n, LimitNOFILE=) allows more",
		"max_connections", most, "open_files", files, "accepted", room)
	return room
}
