package replica

import (
	"context"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/v2pb"
	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/v2store"
)

// v2PathsMax bounds the bytes of the paths of the directories that one request of API 2 may make: each has a record with
// its whole path.
const v2PathsMax = 1 << 20

// CheckV2Path refuses a path with so many directories that nothing can be there.
func CheckV2Path(path string) error {
	if apply.V2DirectoryBytes(path) > v2PathsMax {
		return ErrRequestTooLarge
	}
	return nil
}

// ProposeV2 appends a request of API 2 to the log and waits until it is applied here. Its Time is this member's clock,
// unless it has one.
//
// The error is *v2store.Error when the tree refused the request; any other is Propose's.
func (r *Replica) ProposeV2(ctx context.Context, req *v2pb.Request) (*v2store.Event, error) {
	if err := CheckV2Path(req.Path); err != nil {
		return nil, err
	}
	if err := r.checkRoom(ctx, apply.V2Cost(req)); err != nil {
		return nil, err
	}
	if req.Time == 0 {
		req.Time = time.Now().UnixNano()
	}
	if r.behind(backlogMax) {
		return nil, ErrTooManyRequests
	}
	res, err := r.proposeEntry(ctx, func(id uint64) ([]byte, error) { return v2pb.Marshal(id, req), nil })
	if err != nil {
		return nil, err
	}
	return res.Event, res.Err
}

// v2Request is the request of API 2 in an entry; nil when it has none.
func (l *applyLoop) v2Request(e *raftpb.Entry, req *pb.InternalRaftRequest) *v2pb.Request {
	v2, err := v2pb.FromEntry(req)
	if err != nil {
		// As for any entry that is no request: it is passed over everywhere.
		l.r.logger.Error("ignored a request of API 2", "index", e.GetIndex(), "error", err)
		return nil
	}
	return v2
}

// normalV2 applies a request of API 2.
func (l *applyLoop) normalV2(b *storage.Batch, req *v2pb.Request, id uint64) error {
	began := time.Now()
	res, err := l.r.applier.ApplyV2(b, req)
	if err != nil {
		return err
	}
	l.r.metrics.applySeconds.observeOp("v2", req.Method, res.Err, time.Since(began))
	l.answers = append(l.answers, pendingAnswer{id, answer{result: res}})
	return nil
}

// V2NextExpiry is when the next node of the v2 tree expires; false when none does.
func (r *Replica) V2NextExpiry() (time.Time, bool, error) { return r.store.V2NextExpiry() }
