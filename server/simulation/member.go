package simulation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"testing/synctest"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"

	"github.com/petcd/petcd/raft/transport"
	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/lessor"
	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/server/replica"
)

const (
	heartbeat = 100 * time.Millisecond
	election  = time.Second
)

// part is one of the things that a member's goroutines would do beside each other.
type part int

const (
	passPart part = iota
	logPart
	applyPart
	keepPart
	parts
)

// member is one machine, and the process on it while there is one.
type member struct {
	w     *world
	index int
	name  string
	disk  *disk
	rng   *rand.Rand // of what becomes of its disk

	vacant  bool   // the machine is no member of the cluster
	joined  bool   // the member was added to the cluster, and did not found it
	id      uint64 // of the member; 0: it never ran
	life    int    // counts processes
	dead    bool
	replica *replica.Replica // nil while there is no process
	driven  *replica.Driven
	port    *port
	lessor  *lessor.Lessor
	gate    *gate
	end     context.CancelFunc

	planned      [parts]bool
	pausedUntil  time.Duration
	stalledUntil time.Duration // the log's disk
	rate         float64       // of its clock
	durable      uint64        // what the newest process's state had on disk at last
	rotten       bool          // a bit of its files was turned over, and may be still
	opening      <-chan opened // what becomes of a process that has not begun yet; else nil
}

func newMember(w *world, i int) *member {
	m := &member{w: w, index: i, name: fmt.Sprint("m", i), rate: 1, vacant: i >= w.plan.Shape.Members, rng: rand.New(rand.NewPCG(w.plan.Seed, uint64(100+i)))}
	m.emptyDisk()
	return m
}

// emptyDisk gives the machine a new disk.
func (m *member) emptyDisk() {
	m.disk = newDisk(m.rng)
	m.disk.faults.lies = m.w.hooks.SyncsLie
}

// memberOf is the member that runs with a raft id; nil when none does.
func (w *world) memberOf(id uint64) *member {
	for _, m := range w.members {
		if m.port != nil && m.port.cfg.ID == id {
			return m
		}
	}
	return nil
}

// lives tells that the process of a number still runs. One whose machine has lost its power does not, though its code still does.
func (m *member) lives(life int) bool { return m.life == life && m.replica != nil && !m.dead }

func peerURL(i int) url.URL { return url.URL{Scheme: "http", Host: fmt.Sprintf("m%d:2380", i)} }

// config is what the operator asks for.
func (m *member) config() config.Config {
	c := config.Default()
	c.Name, c.DataDir = m.name, "data"
	c.HeartbeatInterval, c.ElectionTimeout = heartbeat, election
	c.SnapshotCount, c.SnapshotCatchUpEntries = m.w.plan.Shape.LogCount, m.w.plan.Shape.LogKept
	c.AdvertisePeerURLs = []url.URL{peerURL(m.index)}
	c.InitialCluster = types.URLsMap{}
	if m.joined {
		c.InitialClusterState = config.ClusterStateExisting
	}
	for _, o := range m.w.members {
		if o.index < m.w.plan.Shape.Members && !m.joined || !o.vacant && m.joined {
			c.InitialCluster[o.name] = types.URLs{peerURL(o.index)}
		}
	}
	c.WarningApplyDuration = 0
	return c
}

// opened is what became of a process that begins.
type opened struct {
	replica *replica.Replica
	port    *port
	err     error
}

// start begins a process. One whose files are damaged may take a while, in which the others act: it asks them for what it lost.
func (m *member) start() {
	if m.replica != nil || m.vacant || m.opening != nil {
		return
	}
	m.life++
	m.dead, m.planned = false, [parts]bool{}
	m.lessor = lessor.New(lessor.Config{Extension: election, RequestTimeout: 7 * time.Second})
	if !m.rotten {
		m.started(m.open())
		return
	}
	opening := make(chan opened, 1)
	m.opening = opening
	go func() { opening <- m.open() }()
}

// open opens the member's files.
func (m *member) open() (o opened) {
	o.replica, o.err = replica.Open(context.Background(), replica.Config{
		Member: m.config(), FS: m.disk, Leases: m.lessor, Dial: m.dial,
		Network: func(c transport.Config) replica.Network {
			o.port = m.newPort(c)
			return o.port
		},
	})
	return o
}

// started goes on with a process that has begun.
func (m *member) started(o opened) {
	if o.err != nil {
		m.cannotStart(o.err)
		return
	}
	r := o.replica
	m.replica, m.port = r, o.port
	if m.rotten && m.id != m.port.cfg.ID {
		m.w.stats.Rejoined++
	}
	if !m.dead { // else it may not have kept who it is
		m.id = m.port.cfg.ID
	}
	if m.rotten {
		m.durable = 0 // it may have made its state anew
		m.w.stats.Repaired += r.Repairs()
	}
	index, _ := r.Store().Applied()
	m.w.checks.started(m, index)
	m.gate = &gate{Replica: r, hooks: &m.w.hooks, closed: make(chan struct{})}
	m.lessor.Bind(m.gate)
	var err error
	if m.driven, err = r.Drive(); err != nil {
		m.w.checks.fail("%s: drive: %w", m.name, err)
		return
	}
	synctest.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	m.end = cancel
	go m.lessor.Run(ctx)
	synctest.Wait()
	m.w.watches.follow(m)
	m.w.tree.follow(m)
	m.tickLater(m.life)
	m.flushLater(m.life)
	m.w.trace.add("start", m.index, m.w.now(), index)
}

// cannotStart is only right after a fault that the disk made; then the machine loses its power once more. A member that was
// removed meanwhile has left, and one that joins tries again later.
func (m *member) cannotStart(err error) {
	joins := m.joined && m.id == 0
	switch {
	case m.dead:
		m.w.stats.Torn++
		m.disk = m.disk.faults.image
		m.startLater()
		return
	case errors.Is(err, errInjected):
		m.powerOff()
		m.startLater()
		return
	case errors.Is(err, replica.ErrRemoved) && m.w.operator.tookOut(m):
		return
	case joins && (errors.Is(err, membership.ErrUnreachable) || errors.Is(err, membership.ErrMismatch)),
		m.rotten && replica.IsDamage(err): // the others could not be reached
		m.startLater()
		return
	}
	m.w.checks.fail("%s cannot start: %w", m.name, err)
}

// stop ends the process, as a signal does. What it wrote stays, synced or not, unless the machine loses its power meanwhile.
func (m *member) stop() {
	if m.opening != nil {
		if o := <-m.opening; o.replica != nil {
			_ = o.replica.Close()
		}
		m.opening = nil
	}
	if m.replica == nil {
		return
	}
	if !m.dead {
		synctest.Wait() // a flush that the last step began is over
		m.durable = m.replica.Store().DurableApplied()
		m.w.trace.add("durable", m.durable) // in the middle of a step it is up to the engine's goroutines
	}
	m.dead = true
	close(m.gate.closed)
	m.end()
	m.driven.Stop()
	m.replica.PeerClient().CloseIdleConnections()
	synctest.Wait()
	_ = m.replica.Close() // a log that failed says so again
	synctest.Wait()
	m.w.watches.leave(m)
	m.w.tree.leave(m)
	m.replica, m.driven, m.port = nil, nil, nil
	if image := m.disk.faults.image; image != nil {
		m.disk = image
	}
	m.w.trace.add("stop", m.index, m.w.now())
}

// crash takes the machine's power: what was not synced is lost, or torn.
func (m *member) crash() {
	image := m.disk.faults.image
	if image == nil {
		synctest.Wait() // what stop takes for durable is in the image
		image = m.disk.afterCrash(m.rng)
	}
	m.stop()
	if m.disk = image; m.w.hooks.IndexApart {
		m.tearIndex()
	}
}

// powerLost notes that the power is gone in the middle of a step. What the code does until its end has no effect any more.
func (m *member) powerLost() {
	if m.replica != nil && !m.dead { // one that ends has looked already
		m.durable = m.replica.Store().DurableApplied()
	}
	m.dead = true
}

// powerOff takes the power of a machine on which nothing runs.
func (m *member) powerOff() { m.disk = m.disk.afterCrash(m.rng) }

// tickLater plans the next tick of the member's clock.
func (m *member) tickLater(life int) {
	d := time.Duration(float64(heartbeat) / m.rate)
	m.w.after(d+m.w.between(0, heartbeat/10), func() { m.tick(life) })
}

func (m *member) tick(life int) {
	if !m.lives(life) {
		return
	}
	if m.pausedUntil > m.w.now() { // a ticker that nobody reads drops ticks
		m.w.at(m.pausedUntil, func() { m.tick(life) })
		return
	}
	m.did(m.driven.Tick())
	m.tickLater(life)
}

// flushLater plans the next time that the state reaches its disk.
func (m *member) flushLater(life int) {
	m.w.after(time.Duration(m.w.rng.ExpFloat64()*float64(m.w.plan.Shape.Flush)), func() {
		if m.lives(life) {
			m.w.flush(m, false)
			m.flushLater(life)
		}
	})
}

// settle does what follows from what happened last, and plans the parts that have something to do.
func (m *member) settle() {
	select {
	case o := <-m.opening:
		m.opening = nil
		m.started(o)
	default:
	}
	if m.replica == nil {
		return
	}
	if m.dead {
		m.w.stats.Torn++
		m.crash()
		m.startLater()
		return
	}
	m.gate.open()
	if err := m.driven.Err(); err != nil {
		m.failed(err)
		return
	}
	waiting := m.driven.Waiting()
	m.plan(passPart, waiting.Pass, m.w.delayOf(200*time.Microsecond))
	m.plan(logPart, waiting.Log, max(m.w.delayOf(3*time.Millisecond), m.stalledUntil-m.w.now()))
	m.plan(applyPart, waiting.Apply, m.w.delayOf(3*time.Millisecond))
	m.plan(keepPart, m.driven.LogIsLong(), m.w.delayOf(100*time.Millisecond))
}

// delayOf draws how long a part takes to begin.
func (w *world) delayOf(max time.Duration) time.Duration {
	if w.rng.IntN(20) == 0 {
		max *= 20
	}
	return w.between(0, max)
}

// plan lets a part act later, unless it is about to.
func (m *member) plan(p part, has bool, d time.Duration) {
	if !has || m.planned[p] {
		return
	}
	m.planned[p] = true
	life := m.life
	m.w.after(d, func() { m.act(p, life) })
}

// act lets a part do what it has to.
func (m *member) act(p part, life int) {
	if !m.lives(life) {
		return
	}
	if m.pausedUntil > m.w.now() {
		m.w.at(m.pausedUntil, func() { m.act(p, life) })
		return
	}
	m.planned[p] = false
	do := [parts]func() error{m.driven.Pass, m.driven.WriteLog, m.driven.Apply, m.driven.ShortenLog}[p]
	m.did(do())
}

// did looks at how a step ended.
func (m *member) did(err error) {
	if m.dead {
		return // what it did after the power was gone never happened
	}
	if err != nil {
		m.failed(err)
		return
	}
	s := m.replica.Status()
	m.w.checks.saw(m, s)
	m.w.trace.add(m.index, m.w.now(), s.Term, s.CommitIndex, s.AppliedIndex, s.Leader)
}

// failed ends a process that cannot go on. That is right when its disk failed; then it begins again, after a loss of power or
// without one.
func (m *member) failed(err error) {
	if errors.Is(err, replica.ErrRemoved) && m.w.operator.tookOut(m) {
		return
	}
	err = m.replica.EndedByDamage(err)
	switch {
	case m.rotten && replica.IsDamage(err):
		m.stop()
		m.startLater()
		return
	case !errors.Is(err, errInjected):
		m.w.checks.fail("%s stopped: %w", m.name, err)
		return
	}
	m.w.stats.Stops++
	if m.rng.IntN(2) == 0 {
		m.crash()
	} else {
		m.stop()
	}
	m.startLater()
}

func (m *member) startLater() { m.w.after(m.w.between(10*time.Millisecond, 3*time.Second), m.start) }
