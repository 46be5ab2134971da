package replica

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/petcd/petcd/raft"
	"github.com/petcd/petcd/raft/log"
	"github.com/petcd/petcd/raft/transport"
	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/server/version"
	"github.com/petcd/petcd/storage"
)

// Open opens a member's data directory, founding or joining a cluster when it is new. Nothing runs before Run.
func Open(ctx context.Context, c Config) (_ *Replica, err error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.FS == nil {
		c.FS = vfs.Default
	}
	if c.Leases == nil {
		c.Leases = nobody{}
	}
	r := &Replica{
		cfg:     c,
		logger:  c.Logger,
		ready:   make(chan struct{}),
		stopped: make(chan struct{}),

		damage:   make(damageWatch, 1),
		repaired: map[part]int{},
		moved:    make(chan struct{}, 1),
	}
	// A lease must outlive an election, with half of one to spare, rounded up to seconds.
	r.leaseTTLMin = int64((3*c.Member.ElectionTimeout/2 + time.Second - 1) / time.Second)
	r.leader.lostFor = 2 * c.Member.ElectionTimeout
	r.peers = &peers{client: newPeerClient(c.Dial, c.TLS)}
	id, err := r.openWhole(ctx)
	if err != nil {
		return nil, err
	}
	r.regain = id.RegainVote
	if err := r.assemble(id); err != nil {
		return nil, errors.Join(err, r.closeFiles())
	}
	return r, nil
}

// openFiles opens the data directory, the log and the state.
func (r *Replica) openFiles() error {
	if err := r.openLog(); err != nil {
		return err
	}
	m, opened := &r.cfg.Member, time.Now()
	var err error
	r.store, err = storage.Open(r.dir.state, storage.Options{
		FS: r.cfg.FS, Logger: r.logger, Registerer: r.cfg.Registerer, Fatal: r.cfg.Fatal, Damaged: r.damage.meet,
		CompactionBatchRows: m.CompactionBatchLimit, CompactionPause: m.CompactionSleepInterval,
		Still: r.cfg.still,
	})
	if err != nil {
		return errors.Join(inPart(theState, dirError(err)), r.closeFiles())
	}
	r.logger.Info("opened backend db", "path", r.dir.state, "took", time.Since(opened))
	return nil
}

// openLog opens the data directory and the log.
func (r *Replica) openLog() error {
	if err := r.openDir(); err != nil {
		return err
	}
	var err error
	if r.log, err = log.Open(r.dir.logDir, r.logOptions()); err != nil {
		return errors.Join(inPart(theLog, dirError(err)), r.closeFiles())
	}
	return nil
}

// openDir opens the data directory and finishes what a repair left unfinished.
func (r *Replica) openDir() (err error) {
	if r.dir, err = openDataDir(r.cfg.FS, r.cfg.Member.DataDir, r.cfg.Member.WALDir); err != nil {
		return err
	}
	if err := r.finishRepair(); err != nil {
		return errors.Join(err, r.closeFiles())
	}
	return nil
}

// finishRepair finishes what a repair left unfinished.
func (r *Replica) finishRepair() error {
	if r.cfg.still {
		if exists(r.cfg.FS, r.dir.state+rebuilding) && !exists(r.cfg.FS, r.dir.state) {
			return fmt.Errorf("%w: a repair of the state was cut off; start the member to finish it", ErrCorrupt)
		}
		return nil
	}
	if err := r.dir.finishSwap(); err != nil {
		return err
	}
	j, err := r.dir.rejoining()
	if err != nil || j == nil || j.New == nil {
		return err
	}
	return r.finishRejoin(j)
}

// logOptions are how the log is opened.
func (r *Replica) logOptions() log.Options {
	m := &r.cfg.Member
	return log.Options{
		FS: r.cfg.FS, Logger: r.logger, Registerer: r.cfg.Registerer, FailoverDir: m.WALFailoverDir, UnsafeNoSync: m.UnsafeNoFsync,
	}
}

// closeFiles closes what openFiles opened. Without that it does nothing.
func (r *Replica) closeFiles() error {
	var errs []error
	if r.store != nil {
		errs = append(errs, r.store.Close())
	}
	if r.log != nil {
		errs = append(errs, r.log.Close())
	}
	if r.dir != nil {
		errs = append(errs, r.dir.close())
	}
	r.store, r.log, r.dir = nil, nil, nil
	return errors.Join(errs...)
}

// dirError says of an error of the log or the state what it means for the data directory.
func dirError(err error) error {
	switch {
	case errors.Is(err, log.ErrCorrupt), errors.Is(err, storage.ErrCorrupt):
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	case errors.Is(err, log.ErrForeign), errors.Is(err, storage.ErrForeign):
		return fmt.Errorf("%w: %w", ErrForeign, err)
	}
	return err
}

// reconcile makes log and state fit together, or finds that they don't.
func (r *Replica) reconcile(id *identity) error {
	applied, term := r.store.Applied()
	last, err := r.log.LastIndex()
	if err != nil {
		return err
	}
	if last == 0 && applied == 0 {
		return r.found(id)
	}
	stored, err := membership.StoredID(r.store)
	if err != nil {
		return inPart(theState, err)
	}
	if stored != 0 && stored != id.ClusterID {
		return fmt.Errorf("%w: the log belongs to cluster %s, the state to cluster %s", ErrCorrupt, hexID(id.ClusterID), hexID(stored))
	}
	if last < applied {
		if err := r.finishInstall(applied, term, fmt.Errorf("the log ends at index %d, the state at %d", last, applied)); err != nil {
			return err
		}
	} else if first, err := r.log.FirstIndex(); err != nil {
		return err
	} else if applied+1 < first {
		return inPart(theState, fmt.Errorf("%w: the log begins at index %d, the state ends at %d", ErrCorrupt, first, applied))
	} else if logged, err := r.log.Term(applied); err != nil {
		return inPart(theLog, err)
	} else if logged != term {
		misfit := fmt.Errorf("entry %d is of term %d in the log, of term %d in the state", applied, logged, term)
		if err := r.finishInstall(applied, term, misfit); err != nil {
			return err
		}
	}
	if r.cfg.Member.ForceNewCluster {
		return r.standAlone(id)
	}
	return nil
}

// finishInstall empties a log that does not lead to the state, if that is because the member stopped between the installation
// of a snapshot, or of another member's state, and the emptying of its log. Otherwise the log lost entries, as misfit says.
func (r *Replica) finishInstall(applied, term uint64, misfit error) error {
	installing, err := r.dir.installing()
	if err != nil {
		return err
	}
	if installing != applied {
		return inPart(theLog, fmt.Errorf("%w: %w", ErrCorrupt, misfit))
	}
	conf, err := loadConfState(r.store)
	if err != nil {
		return err
	}
	r.logger.Info("finishing the installation of a snapshot", "index", applied, "because", misfit)
	return r.log.Reset(&raftpb.SnapshotMetadata{ConfState: conf, Index: &applied, Term: &term}, nil)
}

// load reads what the state says of the cluster.
func (r *Replica) load(id *identity) error {
	r.cluster = membership.New(id.ClusterID, id.MemberID, r.cfg.Member.MaxLearners)
	r.peers.cluster = r.cluster
	r.quota = newQuota(r, r.cfg.Member.QuotaBytes)
	if err := r.openAuth(); err != nil {
		return err
	}
	r.applier = apply.New(apply.Config{Cluster: r.cluster, Auth: r.auth, Available: r.quota.available, Logger: r.logger})
	if err := errors.Join(r.cluster.Load(r.store), r.applier.Load(r.store)); err != nil {
		return err
	}
	if r.cluster.IsRemoved(id.MemberID) {
		return ErrRemoved
	}
	conf, err := loadConfState(r.store)
	if err != nil {
		return err
	}
	index, term := r.store.Applied()
	r.point.advance(index, term, conf)
	r.applied.index.Store(index)
	r.applied.waits = map[uint64]*appliedWait{}
	r.applied.stopped = r.stopped
	r.keeper = newLogKeeper(r, index)
	r.ids = newIDs(id.MemberID, time.Now())
	return nil
}

// assemble makes the raft node and the transport.
func (r *Replica) assemble(id *identity) (err error) {
	// Before anything is open that an error would leave behind.
	known, err := r.knownPeers(id)
	if err != nil {
		return err
	}
	m := &r.cfg.Member
	r.transport = newNetwork(r.cfg.Network, transport.Config{
		ID: id.MemberID, ClusterID: id.ClusterID,
		Version: version.Etcd, MinClusterVersion: version.MinCluster,
		Raft: raftPort{r}, Snapshots: snapshots{r},
		Dial: r.cfg.Dial, TLS: r.cfg.TLS, Filter: r.cfg.Filter,
		PeerURLs:   r.advertised,
		Removed:    func() { r.fail(ErrRemoved) },
		Logger:     r.logger,
		Registerer: r.cfg.Registerer,
	})
	r.connected = connections{cluster: r.cluster, activeSince: r.transport.ActiveSince}
	meta := r.point.metadata()
	r.node, err = raft.NewNode(raft.Config{
		ID:            id.MemberID,
		TickInterval:  m.HeartbeatInterval,
		ElectionTicks: m.ElectionTicks(),
		PreVote:       m.PreVote,
		AdvanceTicks:  m.InitialElectionTickAdvance,
		Log:           r.log,
		Applied:       meta.GetIndex(),
		ConfState:     meta.GetConfState(),
		StateMachine:  &applyLoop{r: r},
		Send:          r.transport.Send,
		Logger:        r.logger,
		Registerer:    r.cfg.Registerer,
	})
	if err != nil {
		r.transport.Close()
		return err
	}
	r.metrics = newMetrics(r, r.cfg.Registerer)
	r.known = known
	for _, m := range known {
		if m.ID != id.MemberID {
			r.transport.AddPeer(m.ID, m.PeerURLs)
		}
	}
	return nil
}

// knownPeers are those that a joining member learned of when it joined: its own state names nobody yet.
func (r *Replica) knownPeers(id *identity) (known []*membership.Member, err error) {
	if len(r.cluster.Members()) > 0 || len(id.Peers) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(id.Peers, &known); err != nil {
		return nil, fmt.Errorf("%w: peers in the log's metadata: %w", ErrCorrupt, err)
	}
	return known, nil
}

// advertised are the peer URLs that this member tells others.
func (r *Replica) advertised() []string {
	if m := r.cluster.Member(r.cluster.LocalID()); m != nil {
		return m.PeerURLs
	}
	var urls []string
	for _, u := range r.cfg.Member.AdvertisePeerURLs {
		urls = append(urls, u.String())
	}
	return urls
}

// raftPort is the transport's view of the member.
type raftPort struct{ r *Replica }

// Step takes a message, unless its sender was removed.
func (p raftPort) Step(ctx context.Context, m *raftpb.Message) error {
	if p.r.cluster.IsRemoved(m.GetFrom()) {
		return fmt.Errorf("%w: member %s", membership.ErrIDRemoved, hexID(m.GetFrom()))
	}
	return p.r.node.Step(ctx, m)
}

// ReportUnreachable passes on that messages were lost.
func (p raftPort) ReportUnreachable(id uint64) { p.r.node.ReportUnreachable(id) }

// ReportSnapshot passes on how the sending of a snapshot ended.
func (p raftPort) ReportSnapshot(id uint64, ok bool) { p.r.node.ReportSnapshot(id, ok) }

// IsIDRemoved tells whether a member was removed for good.
func (p raftPort) IsIDRemoved(id uint64) bool { return p.r.cluster.IsRemoved(id) }
