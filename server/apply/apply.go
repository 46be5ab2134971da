package apply

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/auth"
	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/mvcc"
)

// LeaseTTLMax is the longest time to live of a lease, in seconds.
const LeaseTTLMax = 9_000_000_000

// Config is what an Applier is made of. Cluster is required.
type Config struct {
	// Cluster receives changes of members' attributes and of the cluster version.
	Cluster *membership.Cluster
	// Auth receives changes of users and roles, and knows who may do what; nil means that authentication is off for ever.
	Auth *auth.Store
	// Available tells whether this member's quota has room for a write of so many bytes; nil means always.
	Available func(bytes int64) bool
	// Logger receives a line for every entry that could not be understood; nil discards it.
	Logger *slog.Logger
}

// Applier changes the state as log entries say.
type Applier struct {
	cfg    Config
	alarms alarms
}

// New makes an Applier without alarms; Load reads those of a store.
func New(c Config) *Applier {
	if c.Available == nil {
		c.Available = func(int64) bool { return true }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Applier{cfg: c}
}

// Load reads what the Applier itself keeps of a state: after opening, and after a snapshot was installed.
func (a *Applier) Load(r membership.Reader) error {
	if a.cfg.Auth != nil {
		if err := a.cfg.Auth.Load(r); err != nil {
			return fmt.Errorf("apply: %w", err)
		}
	}
	return a.alarms.load(r)
}

// Alarms are the alarms of one type that are raised; all of them for NONE.
func (a *Applier) Alarms(kind pb.AlarmType) []*pb.AlarmMember { return a.alarms.list(kind) }

// Apply writes what the entry r changes into b, and returns the answer to whoever proposed it. With answer false nobody
// waits for it: reads are skipped. An error means that the state itself failed, and nothing of b may be kept.
func (a *Applier) Apply(b *storage.Batch, r *pb.InternalRaftRequest, answer bool) (*Result, error) {
	res := a.refuse(r)
	if res == nil {
		res = a.dispatch(b, r, a.guard(b, r), answer)
	}
	if res.Err == nil {
		return res, nil
	}
	if !isAnswer(res.Err) {
		return nil, fmt.Errorf("apply: %w", res.Err)
	}
	res.Resp = nil
	return res, nil
}

// dispatch is the switch over the kinds of entries.
func (a *Applier) dispatch(b *storage.Batch, r *pb.InternalRaftRequest, denied error, answer bool) *Result {
	switch {
	case denied != nil:
		return &Result{Err: denied}
	case r.Put != nil:
		resp, err := a.put(b, r.Put)
		return a.charge(Cost(r), &Result{Resp: resp, Err: err})
	case r.Txn != nil:
		resp, err := a.txn(b, r.Txn, answer)
		return a.charge(Cost(r), &Result{Resp: resp, Err: err})
	case r.DeleteRange != nil:
		resp, err := a.deleteRange(b, r.DeleteRange)
		return &Result{Resp: resp, Err: err}
	case r.Range != nil:
		return a.rangeRead(b, r.Range, answer)
	case r.Compaction != nil:
		return a.compact(b, r.Compaction)
	case r.LeaseGrant != nil:
		return a.charge(Cost(r), a.leaseGrant(b, r.LeaseGrant))
	case r.LeaseRevoke != nil:
		return a.leaseRevoke(b, r.LeaseRevoke)
	case r.LeaseCheckpoint != nil:
		return a.leaseCheckpoint(b, r.LeaseCheckpoint)
	case r.Alarm != nil:
		return a.alarm(b, r.Alarm)
	case r.ClusterVersionSet != nil:
		return a.clusterVersion(b, r.ClusterVersionSet.GetVer())
	case r.ClusterMemberAttrSet != nil:
		at := r.ClusterMemberAttrSet.GetMemberAttributes()
		return &Result{Err: a.cfg.Cluster.SetAttributes(b, r.ClusterMemberAttrSet.GetMember_ID(),
			membership.Attributes{Name: at.GetName(), ClientURLs: at.GetClientUrls()})}
	case r.DowngradeInfoSet != nil:
		return &Result{Err: a.cfg.Cluster.SetDowngrade(b,
			membership.Downgrade{Enabled: r.DowngradeInfoSet.GetEnabled(), TargetVersion: r.DowngradeInfoSet.GetVer()})}
	case r.DowngradeVersionTest != nil:
		return &Result{} // etcd's tests put it into logs; it has no effect there either
	case isAuth(r):
		return a.auth(b, r)
	default:
		a.cfg.Logger.Error("ignored a log entry of unknown kind", "request_id", r.GetHeader().GetID(), "bytes", proto.Size(r))
		return &Result{Err: ErrUnknownRequest}
	}
}

// refuse answers what a raised alarm forbids; nil when nothing does.
func (a *Applier) refuse(r *pb.InternalRaftRequest) *Result {
	if len(a.alarms.list(pb.AlarmType_NONE)) == 0 {
		return nil
	}
	if a.alarms.has(pb.AlarmType_CORRUPT) {
		if r.Put != nil || r.Range != nil || r.DeleteRange != nil || r.Txn != nil || r.Compaction != nil ||
			r.LeaseGrant != nil || r.LeaseRevoke != nil {
			return &Result{Err: ErrCorrupt}
		}
	}
	if a.alarms.has(pb.AlarmType_NOSPACE) && Cost(r) > 0 {
		return &Result{Err: ErrNoSpace}
	}
	return nil
}

// charge turns the answer to a write into ErrNoSpace when this member's quota has no room for it. The write stays: other
// members may have room, and all must hold the same.
func (a *Applier) charge(cost int64, res *Result) *Result {
	if res.Err == nil && cost > 0 && !a.cfg.Available(cost) {
		res.Err = ErrNoSpace
	}
	return res
}

func (a *Applier) rangeRead(b *storage.Batch, req *pb.RangeRequest, answer bool) *Result {
	if !answer {
		return &Result{Resp: &pb.RangeResponse{Header: header(b.Revision())}}
	}
	tx := b.Begin()
	defer tx.End()
	resp, err := Range(context.Background(), tx, req)
	return &Result{Resp: resp, Err: err}
}

func (a *Applier) compact(b *storage.Batch, req *pb.CompactionRequest) *Result {
	done, err := b.Compact(req.GetRevision())
	return &Result{Resp: &pb.CompactionResponse{Header: header(b.Revision())}, Err: err, Done: done}
}

// clusterVersion stores the cluster version. Text that is no version is the proposer's mistake, not a failure here.
func (a *Applier) clusterVersion(b *storage.Batch, text string) *Result {
	err := a.cfg.Cluster.SetVersion(b, text)
	if errors.Is(err, membership.ErrBadVersion) {
		a.cfg.Logger.Error("ignored a malformed cluster version", "version", text)
	}
	return &Result{Err: err}
}

// isAnswer tells whether an error says something about the request, and not about the state.
func isAnswer(err error) bool {
	if auth.IsRefusal(err) {
		return true
	}
	for _, known := range []error{
		ErrKeyNotFound, ErrNoSpace, ErrCorrupt, ErrUnknownRequest, ErrLeaseNotFound, ErrLeaseExists, ErrLeaseTTLTooLarge,
		membership.ErrBadVersion, mvcc.ErrCompacted, mvcc.ErrFutureRevision,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}
