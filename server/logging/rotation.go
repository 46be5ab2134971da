package logging

import (
	"io"

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

// rotating opens a file that rotates by the same rules as etcd's.
func rotating(name string, r Rotation) io.WriteCloser {
	return &lumberjack.Logger{
		Filename: name, MaxSize: r.MaxSize, MaxAge: r.MaxAge, MaxBackups: r.MaxBackups,
		LocalTime: r.LocalTime, Compress: r.Compress,
	}
}
