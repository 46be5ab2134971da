package backup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCopyIntoItself has the two directories of a copy one inside the other.
func TestCopyIntoItself(t *testing.T) {
	dir := t.TempDir()
	live, wal := filepath.Join(dir, "live"), filepath.Join(dir, "wal")
	link := filepath.Join(dir, "link")
	require.NoError(t, os.MkdirAll(filepath.Join(live, "member"), 0o700))
	require.NoError(t, os.Symlink(live, link))
	for name, c := range map[string]DirectoryConfig{
		"the same":              {DataDir: live, BackupDir: live},
		"below":                 {DataDir: live, BackupDir: filepath.Join(live, "a", "b")},
		"above":                 {DataDir: live, BackupDir: dir},
		"below, by a link":      {DataDir: live, BackupDir: filepath.Join(link, "member", "a")},
		"of a link":             {DataDir: link, BackupDir: filepath.Join(live, "a")},
		"below the log":         {DataDir: live, WALDir: wal, BackupDir: filepath.Join(wal, "a")},
		"the copy's log, below": {DataDir: live, BackupDir: filepath.Join(dir, "a"), BackupWALDir: filepath.Join(live, "a")},
	} {
		t.Run(name, func(t *testing.T) { require.ErrorIs(t, CopyDirectory(t.Context(), c), ErrNested) })
	}
	beside := DirectoryConfig{DataDir: live, WALDir: wal, BackupDir: live + "-saved", BackupWALDir: filepath.Join(dir, "..saved")}
	require.NoError(t, beside.apart())
}

// TestMessage takes the names of packages out of errors, and nothing else.
func TestMessage(t *testing.T) {
	for text, want := range map[string]string{
		"storage: restore: copy /x: replica: damaged": "copy /x: damaged",
		"v2copy: not an export":                       "not an export",
		"/a/storage: replica: storage: damaged":       "/a/storage: damaged",
		"open storage: no such file":                  "open storage: no such file",
	} {
		require.Equal(t, want, Message(stringError(text)))
	}
}

// stringError is an error with this text.
type stringError string

func (e stringError) Error() string { return string(e) }
