package replica

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/petcd/petcd/raft"
	"github.com/petcd/petcd/raft/log"
	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/auth"
	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/storage"
)

// Replica is one member's copy of the replicated state.
type Replica struct {
	cfg         Config
	logger      *slog.Logger
	leaseTTLMin int64 // seconds
	ids         *ids

	dir       *dataDir
	log       log.Log
	store     *storage.Store
	cluster   *membership.Cluster
	applier   *apply.Applier
	auth      *auth.Store
	node      *raft.Node
	transport Network
	peers     *peers
	known     []*membership.Member // by a joining member, before its state names any
	connected connections
	metrics   *metrics
	quota     *quota
	keeper    *logKeeper

	waiters waiters
	applied appliedIndex
	removal atomic.Uint64 // the index of the newest removal of another voter that this process applied
	point   point
	leader  leadership
	lease   leaderLease

	regain bool // this member lost its vote with its log

	loginsAfter uint64 // the log's last index when it was opened

	damage     damageWatch
	repaired   map[part]int  // by this start
	unrepaired bool          // this start found the state's damage noted, and could not repair it
	sending    sync.Mutex    // held while another member is sent the state
	moved      chan struct{} // 1 deep: the members changed

	ready   chan struct{} // closed when this member has published itself
	stopped chan struct{} // closed when Run begins to end

	mu      sync.Mutex
	ctx     context.Context // of Run; nil before
	cancel  context.CancelCauseFunc
	workers sync.WaitGroup
}

// Store is the replicated state, for reading. Linearizable reads call ReadBarrier first.
func (r *Replica) Store() *storage.Store { return r.store }

// Cluster is who belongs to the cluster.
func (r *Replica) Cluster() *membership.Cluster { return r.cluster }

// Run takes part in the cluster until ctx ends (it returns nil) or something fails: damage, a disk's error, or ErrRemoved.
// Call it once, and Close afterwards.
func (r *Replica) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.mu.Lock()
	r.ctx, r.cancel = ctx, cancel
	r.mu.Unlock()

	r.connect(nil)
	r.spawn(r.endWaits)
	r.spawn(r.watchLeader)
	r.spawn(r.publish)
	r.spawn(r.decideVersion)
	r.spawn(r.watchDowngrade)
	r.spawn(r.promoteLearners)
	r.spawn(r.watchDisk)
	r.spawn(r.watchDamage)
	r.spawn(r.keepAddresses)
	if r.regain {
		r.spawn(r.regainVote)
	}
	r.spawn(r.quota.run)
	r.spawn(r.auth.Run)
	r.spawn(func(ctx context.Context) { r.keeper.run(ctx, r.log) })
	stop := context.AfterFunc(ctx, func() { close(r.stopped) })
	err := r.EndedByDamage(r.node.Run(ctx))
	cancel(err)
	if stop() {
		close(r.stopped)
	}
	r.transport.Close()
	r.wait()
	if cause := context.Cause(ctx); err == nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return err
}

// Close releases the data directory. REQUIRES: Run returned, or was never called.
func (r *Replica) Close() error {
	if r.ctx == nil {
		r.transport.Close()
	}
	return errors.Join(r.store.Close(), r.log.Close(), r.dir.close())
}

// spawn runs f beside the replica, until Run ends. It does nothing once Run is ending.
func (r *Replica) spawn(f func(ctx context.Context)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx == nil || r.ctx.Err() != nil {
		return
	}
	ctx := r.ctx
	r.workers.Go(func() { f(ctx) })
}

// endWaits ends the waits for entries whose time is up, and all of them with Run.
func (r *Replica) endWaits(context.Context) { r.waiters.sweep(r.stopped) }

// wait waits for everything that was spawned. REQUIRES: Run's context has ended.
func (r *Replica) wait() {
	r.mu.Lock() // whoever was spawning has spawned
	workers := &r.workers
	r.mu.Unlock()
	workers.Wait()
}

// fail makes Run end with err. It is safe while Run is not running.
func (r *Replica) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel != nil {
		r.cancel(err)
	}
}

// Resign hands leadership on, if this member has it and another voter is connected, so that the cluster need not wait for
// an election when it stops. It gives up when ctx ends.
func (r *Replica) Resign(ctx context.Context) {
	if !r.isLeader() {
		return
	}
	var to uint64
	var since time.Time
	for _, m := range r.cluster.Voters() {
		active := r.transport.ActiveSince(m.ID)
		if m.ID != r.cluster.LocalID() && !active.IsZero() && (to == 0 || active.Before(since)) {
			to, since = m.ID, active
		}
	}
	if to == 0 {
		return
	}
	if err := r.MoveLeader(ctx, to); err != nil {
		r.logger.Warn("leadership transfer failed", "local_member_id", hexID(r.cluster.LocalID()), "error", err)
	}
}

// PeerClient reaches other members' peer URLs, through the network seam if there is one.
func (r *Replica) PeerClient() *http.Client { return r.peers.client }
