package backup_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/petcd/petcd/server/process"
)

// buildDir is where petcd is built for all tests of this package.
var buildDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "petcd-backup-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	buildDir = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// petcd finds petcd's binaries, building them once.
var petcd = sync.OnceValues(func() (process.Binaries, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	return process.Locate(ctx, process.Petcd, buildDir)
})
