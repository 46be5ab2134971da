package robustness

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	member "github.com/petcd/petcd/server"
	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/process"
)

// errPowerCut is what a member gets of its files between the cut and its end.
var errPowerCut = errors.New("robustness: the power is off")

// inMemory is a member inside this process, with the command line that its process would have, real ports, and files in memory.
// Killing it cuts the power: of what was not synced a random share is lost, mostly all, which no file system of the kernel's
// does so strictly (there the sync of one file writes others too).
type inMemory struct {
	*process.Member // for its command line, ports and log; never started
	rng             *rand.Rand
	files           *vfs.MemFS
	off             *atomic.Bool   // the power, of the present life
	server          *member.Server // nil between lives
	log             *os.File
}

// newInMemory makes a member with no files.
func newInMemory(m *process.Member, seed uint64) (*inMemory, error) {
	return &inMemory{Member: m, rng: rand.New(rand.NewPCG(seed, 5000)), files: vfs.NewCrashableMem()}, os.MkdirAll(filepath.Dir(m.LogPath), 0o700)
}

// Start implements machine.
func (m *inMemory) Start() error {
	cfg, err := config.Parse(m.Args(), nil)
	if err != nil {
		return fmt.Errorf("robustness: start %s: %w", m.Name, err)
	}
	if m.log, err = os.OpenFile(m.LogPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return fmt.Errorf("robustness: start %s: %w", m.Name, err)
	}
	m.off = new(atomic.Bool)
	m.server, err = member.Start(context.Background(), *cfg, member.Options{
		FS:     powered(m.files, m.off),
		Logger: slog.New(slog.NewTextHandler(m.log, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		m.log.Close()
		return fmt.Errorf("%w: %s: %w", ErrUnhealthy, m.Name, err)
	}
	return nil
}

// powered are files that nothing changes any more once the power is off.
func powered(files vfs.FS, off *atomic.Bool) vfs.FS {
	return errorfs.Wrap(files, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if off.Load() && changes(op.Kind) {
			return errPowerCut
		}
		return nil
	}))
}

// changes says whether an operation writes.
func changes(kind errorfs.OpKind) bool {
	switch kind {
	case errorfs.OpCreate, errorfs.OpLink, errorfs.OpRemove, errorfs.OpRemoveAll, errorfs.OpRename,
		errorfs.OpReuseForWrite, errorfs.OpMkdirAll, errorfs.OpFileWrite, errorfs.OpFileWriteAt,
		errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
		return true
	}
	return false
}

// Kill implements machine. The power goes first, in the middle of whatever the member does; nothing that it does after that
// can be acknowledged. What operations were under way then have done is in the image.
func (m *inMemory) Kill() error {
	if m.server == nil {
		return fmt.Errorf("%w: %s", process.ErrNotRunning, m.Name)
	}
	m.off.Store(true)
	lost := []int{100, 100, 50, 0}[m.rng.IntN(4)]
	imaged := make(chan *vfs.MemFS, 1)
	old := m.server
	go func() {
		_ = old.Abort(func() { // its files fail, and it says so
			imaged <- m.files.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100 - lost, RNG: m.rng})
		})
	}()
	m.files, m.server = <-imaged, nil
	m.log.Close()
	return nil
}

// WaitHealthy implements machine.
func (m *inMemory) WaitHealthy(ctx context.Context) error {
	for {
		status, body, err := m.Get(ctx, "/health")
		if err == nil && status == http.StatusOK && strings.Contains(body, `"true"`) {
			return nil
		}
		select {
		case err := <-m.server.Err():
			return fmt.Errorf("%s ended: %w", m.Name, err)
		default:
		}
		if !wait(ctx, 20*time.Millisecond) {
			return fmt.Errorf("%s is not healthy: %w; its log ends with:\n%s", m.Name, ctx.Err(), m.LogTail(40))
		}
	}
}
