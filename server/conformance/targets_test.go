package conformance

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
)

// startTimeout bounds the start of a server or a cluster. Generous, because
// test machines share their disks.
const startTimeout = 2 * time.Minute

// buildDir holds the petcd that the tests build; TestMain removes it.
var buildDir string

func TestMain(m *testing.M) {
	var err error
	buildDir, err = os.MkdirTemp("", "petcd-conformance-")
	if err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(buildDir)
	os.Exit(code)
}

// target is a server to test.
type target struct {
	name string
	bin  string
}

// located remembers binaries, so that petcd is built once.
var located = struct {
	mu   sync.Mutex
	bins map[string]process.Binaries
}{bins: make(map[string]process.Binaries)}

func locate(name string) (process.Binaries, error) {
	located.mu.Lock()
	defer located.mu.Unlock()
	if b, ok := located.bins[name]; ok {
		return b, nil
	}
	b, err := process.Locate(context.Background(), name, buildDir)
	if err == nil {
		located.bins[name] = b
	}
	return b, err
}

// targets returns what PETCD_CONFORMANCE names, or petcd and the peers there
// are.
func targets(t *testing.T) []target {
	t.Helper()
	names := []string{process.Petcd, process.Etcd373, process.Etcd34}
	chosen := os.Getenv("PETCD_CONFORMANCE")
	if chosen != "" {
		names = strings.Split(chosen, ",")
	}
	var found []target
	for _, name := range names {
		b, err := locate(name)
		if errors.Is(err, process.ErrNoBinary) && name != process.Petcd && chosen == "" {
			t.Logf("not compared with: %v", err)
			continue
		}
		require.NoError(t, err)
		found = append(found, target{name: name, bin: b.Etcd})
	}
	return found
}
