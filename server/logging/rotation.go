package logging

import (
	"io"
	"os"
	"path/filepath"

	"gopkg.in/natefinch/lumberjack.v2"
)

// Rotation is when a log file is put aside and for how long it is kept; the
// zero value keeps everything, in files of 100 MB.
type Rotation struct {
	MaxSize    int // megabytes
	MaxAge     int // days
	MaxBackups int
	LocalTime  bool // for the times in the names of old files
	Compress   bool
}

// rotating opens a file that rotates by the same rules as etcd's. lumberjack
// opens it with the first line only and its errors go nowhere, so that the file
// can be written is tried here, with lumberjack's modes.
func rotating(name string, r Rotation) (io.WriteCloser, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return &lumberjack.Logger{
		Filename: name, MaxSize: r.MaxSize, MaxAge: r.MaxAge, MaxBackups: r.MaxBackups,
		LocalTime: r.LocalTime, Compress: r.Compress,
	}, nil
}
