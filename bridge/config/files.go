package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// maxConfigBytes bounds a configuration file, maxKeyBytes one that it names.
const (
	maxConfigBytes = 16 << 20
	maxKeyBytes    = 1 << 20
)

func readMain(path string) ([]byte, error) {
	data, err := readRegular(path, maxConfigBytes)
	if err != nil {
		return nil, fmt.Errorf("reading configuration: %w", err)
	}
	return data, nil
}

const worldWritableText = "can be written by everybody on this machine, who could then sign in as anyone: chmod o-w"

// reason is what a file system says, without the path.
func reason(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}

func worldWritable(info fs.FileInfo) bool { return info.Mode().Perm()&0o002 != 0 }

// readRegular reads a file that the configuration names, but no device that
// never ends and no pipe that never begins.
func readRegular(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file", path)
	case worldWritable(info):
		return nil, fmt.Errorf("%s %s", path, worldWritableText)
	case info.Size() > limit:
		return nil, fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return os.ReadFile(path)
}
