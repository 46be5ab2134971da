package log

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"
)

// model is what a log should hold, written the obvious way.
type model struct {
	begin   begin
	hs      hardState
	entries []*raftpb.Entry
	meta    string
}

func (m *model) last() uint64 { return m.begin.index + uint64(len(m.entries)) }

func (m *model) append(hs *raftpb.HardState, es []*raftpb.Entry) {
	if len(es) > 0 {
		keep := es[0].GetIndex() - m.begin.index - 1
		m.entries = append(append([]*raftpb.Entry(nil), m.entries[:keep]...), es...)
	}
	if hs != nil {
		m.hs = hardState{hs.GetTerm(), hs.GetVote(), hs.GetCommit()}
	}
}

// String describes everything but where entries are still waiting to be erased.
func (m *model) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "begin %d/%d hs %v meta %q:", m.begin.index, m.begin.term, m.hs, m.meta)
	for _, e := range m.entries {
		fmt.Fprintf(&b, " %d/%d=%s", e.GetIndex(), e.GetTerm(), e.GetData())
	}
	return b.String()
}

// modelOf reads a whole log.
func modelOf(t testing.TB, l *store) *model {
	t.Helper()
	m := &model{meta: string(l.Metadata())}
	l.mu.RLock()
	m.begin, m.hs = l.begin, l.hs
	last := l.last
	l.mu.RUnlock()
	for next := m.begin.index + 1; next <= last; {
		es, err := l.Entries(next, last+1, 1<<20)
		require.NoError(t, err)
		m.entries = append(m.entries, es...)
		next += uint64(len(es))
	}
	return m
}

// history is what the log was after each write, and how much of it has to survive.
type history struct {
	mu      sync.Mutex
	states  []string // states[i] is what the log is after i writes
	durable int      // writes up to here were synced and have returned
}

// image is what a crash left on disk, with what it may have left.
type image struct {
	fs       *vfs.MemFS
	from, to int // of history.states
	where    string
}

// crasher takes images of a file system at every sync and at some of the other operations.
type crasher struct {
	fs *vfs.MemFS
	h  *history
	o  Options // but its FS
	// slow is how many of a hundred syncs in the log's own folder take longer than Options.patience.
	slow int

	mu     sync.Mutex
	rng    *rand.Rand
	images []image
}

func (c *crasher) injector() errorfs.Injector {
	return errorfs.InjectorFunc(func(op errorfs.Op) error {
		sync := false
		switch op.Kind {
		case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
			sync = true
		case errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpRename, errorfs.OpCreate, errorfs.OpRemove, errorfs.OpReuseForWrite:
		default:
			return nil
		}
		c.mu.Lock()
		if sync || c.rng.IntN(8) == 0 {
			c.take(fmt.Sprint(op.Kind, " ", op.Path))
		}
		slow := sync && strings.HasPrefix(op.Path, "log/") && c.rng.IntN(100) < c.slow
		c.mu.Unlock()
		if slow {
			time.Sleep(3 * c.o.patience.write)
		}
		return nil
	})
}

// take takes an image. The writes that returned before must be in it, those that have begun may be.
func (c *crasher) take(where string) {
	c.h.mu.Lock()
	from := c.h.durable
	c.h.mu.Unlock()
	cfg := vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 30, 70, 100}[c.rng.IntN(4)], RNG: c.rng}
	fs := c.fs.CrashClone(cfg)
	c.dropRemoved(fs)
	c.h.mu.Lock()
	to := len(c.h.states) - 1
	c.h.mu.Unlock()
	c.images = append(c.images, image{fs, from, to, where})
}

// dropRemoved lets some removals be durable in an image though their folder was not synced since, which a crash may leave as
// well as the files that CrashClone keeps.
func (c *crasher) dropRemoved(image *vfs.MemFS) {
	for _, dir := range []string{"log", "second"} {
		there, err := image.List(dir)
		if err != nil {
			continue // not yet made
		}
		now, err := c.fs.List(dir)
		if err != nil {
			panic(err)
		}
		for _, name := range there {
			if !slices.Contains(now, name) && c.rng.IntN(2) == 0 {
				if err := image.Remove(dir + "/" + name); err != nil {
					panic(err)
				}
			}
		}
	}
}

// run makes random writes and reopens the log now and then.
func (c *crasher) run(t *testing.T, rng *rand.Rand, writes int) {
	fs := errorfs.Wrap(c.fs, c.injector())
	m := &model{}
	c.h.states = []string{m.String()}
	l := mustOpen(t, fs, c.o)
	term := uint64(1)
	for i := range writes {
		next := *m
		var op func() error
		sync := true
		switch r := rng.IntN(20); {
		case r < 12:
			first := m.last() + 1
			if rng.IntN(5) == 0 && m.last() > max(m.hs.commit, m.begin.index) { // replace a tail that isn't committed
				first = max(m.hs.commit, m.begin.index) + 1 + rng.Uint64N(m.last()-max(m.hs.commit, m.begin.index))
				term++
			}
			es := entries(first, term, 1+rng.IntN(4), fmt.Sprint("write", i, strings.Repeat(".", rng.IntN(100))))
			hs := hardStateOf(term, term, max(m.hs.commit, min(m.last(), first-1)))
			sync = rng.IntN(4) > 0
			next.append(hs, es)
			op = func() error { return l.Append(hs, es, sync) }
		case r < 14:
			hs := hardStateOf(term, term, m.last())
			sync = false
			next.append(hs, nil)
			op = func() error { return l.Append(hs, nil, false) }
		case r < 17 && m.hs.commit > m.begin.index:
			to := m.begin.index + 1 + rng.Uint64N(m.hs.commit-m.begin.index)
			next.begin.index, next.begin.term = to, m.entries[to-m.begin.index-1].GetTerm()
			next.entries = m.entries[to-m.begin.index:]
			sync = false
			op = func() error { return l.Compact(to) }
		case r < 18:
			meta := &raftpb.SnapshotMetadata{Index: new(m.last() + 5), Term: new(term)}
			next.begin.index, next.begin.term, next.entries = meta.GetIndex(), term, nil
			next.hs.commit, next.hs.term = meta.GetIndex(), max(m.hs.term, term)
			if m.hs.term < term {
				next.hs.vote = 0
			}
			op = func() error { return l.Reset(meta, nil) }
		case r < 19:
			next.meta = fmt.Sprint("meta", i)
			op = func() error { return l.SetMetadata([]byte(next.meta)) }
		default:
			require.NoError(t, l.Close())
			l = reopen(t, fs, c.o)
			require.Equal(t, m.String(), modelOf(t, l).String())
			c.h.mu.Lock()
			c.h.durable = len(c.h.states) - 1
			c.h.mu.Unlock()
			continue
		}
		c.h.mu.Lock()
		c.h.states = append(c.h.states, next.String())
		c.h.mu.Unlock()
		require.NoError(t, op())
		*m = next
		if sync {
			c.h.mu.Lock()
			c.h.durable = len(c.h.states) - 1
			c.h.mu.Unlock()
		}
	}
	require.Equal(t, m.String(), modelOf(t, l).String())
	require.NoError(t, l.Close())
}

// reopen opens a log that was closed, perhaps while a disk hung.
func reopen(t *testing.T, fs vfs.FS, o Options) *store {
	t.Helper()
	o.FS = fs
	var l Log
	require.Eventually(t, func() bool {
		var err error
		if l, err = Open("log", o); err != nil {
			require.ErrorContains(t, err, "lock")
		}
		return err == nil
	}, time.Minute, time.Millisecond)
	return l.(*store)
}

func TestCrashLosesNothingThatWasSynced(t *testing.T) {
	for name, c := range map[string]*crasher{
		"one folder":           {o: Options{TailBytesMax: 600}},
		"small segments":       {o: Options{TailBytesMax: 600, segmentBytes: 900}},
		"two folders":          {o: Options{TailBytesMax: 600, FailoverDir: "second"}},
		"a disk that is slow":  {o: hasty(Options{TailBytesMax: 600, FailoverDir: "second"}), slow: 20},
		"and segments, small ": {o: hasty(Options{TailBytesMax: 600, FailoverDir: "second", segmentBytes: 900}), slow: 20},
	} {
		for seed := range uint64(*crashSeeds) {
			t.Run(fmt.Sprintf("%s, seed %d", name, seed), func(t *testing.T) {
				c := crasher{o: c.o, slow: c.slow, fs: vfs.NewCrashableMem(), h: &history{}, rng: rand.New(rand.NewPCG(seed, 8))}
				c.run(t, rand.New(rand.NewPCG(seed, 7)), 60)
				c.check(t)
			})
		}
	}
}

var crashSeeds = flag.Int("crash.seeds", 20, "seeds of each kind of crash test")

// hasty makes a log leave a disk soon, and come back soon.
func hasty(o Options) Options {
	o.patience = patience{write: 2 * time.Millisecond, probe: time.Millisecond, probeEvery: time.Millisecond}
	return o
}

// check opens every image.
func (c *crasher) check(t *testing.T) {
	c.mu.Lock()
	images := c.images // a disk that hung may still be at it
	c.mu.Unlock()
	require.NotEmpty(t, images)
	for i, img := range images {
		o := Options{FS: img.fs}
		if c.o.FailoverDir != "" {
			o.FailoverDir = c.o.FailoverDir
		}
		l, err := Open("log", o)
		require.NoError(t, err, "image %d, at %s", i, img.where)
		got := modelOf(t, l.(*store)).String()
		require.Contains(t, c.h.states[img.from:img.to+1], got, "image %d, at %s, after write %d", i, img.where, img.from)

		// It goes on from there.
		last, err := l.LastIndex()
		require.NoError(t, err)
		require.NoError(t, l.Append(nil, entries(last+1, 1000, 1, "after the crash"), true))
		require.NoError(t, l.Close())
	}
	t.Logf("%d images", len(images))
}
