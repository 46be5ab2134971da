package server

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"

	"github.com/petcd/petcd/server/config"
)

// private is the mode of directories that only their owner may enter.
const private fs.FileMode = 0o700

// warnOpenDirs warns of directories of data that were there before and that others may enter. What is made anew is private.
func warnOpenDirs(c *config.Config, logger *slog.Logger) {
	if runtime.GOOS == "windows" { // has no such modes
		return
	}
	dirs := []string{c.DataDir, filepath.Join(c.DataDir, "member")}
	if c.WALDir != "" {
		dirs = append(dirs, c.WALDir)
	}
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil || !info.IsDir() || info.Mode().Perm() == private {
			continue
		}
		logger.Warn("check file permission", "directory", dir, "error",
			"directory \""+dir+"\" exist, but the permission is \""+info.Mode().String()+"\". The recommended permission is \""+
				private.String()+"\" to prevent possible unprivileged access to the data")
	}
}
