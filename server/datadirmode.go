package server

import (
	"log/slog"
	"os"
	"runtime"
)

// noteOpenDirectory warns of a data directory that was there before and that others than its owner may enter
// (CVE-2020-15113). It is not changed: somebody may have wanted it so.
func noteOpenDirectory(dir string, logger *slog.Logger) {
	info, err := os.Stat(dir)
	if err != nil || runtime.GOOS == "windows" {
		return
	}
	if info.Mode().Perm()&0o077 != 0 {
		logger.Warn("check file permission: others than its owner may enter the data directory",
			"dir", dir, "permission", info.Mode().Perm().String(), "recommended-permission", os.FileMode(0o700).String())
	}
}
