package replica

import (
	"errors"
	"fmt"
	"log/slog"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/auth"
	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/server/v2pb"
	"github.com/petcd/petcd/storage"
)

// replay applies entries without a raft node and without anybody who waits for answers.
type replay struct {
	store   *storage.Store
	users   *auth.Store
	cluster *membership.Cluster
	applier *apply.Applier
}

// newReplay reads what the applier keeps of a state. The identity is zero where no entry is about members.
func newReplay(store *storage.Store, id identity, logger *slog.Logger) (*replay, error) {
	m := config.Default()
	users, err := auth.New(auth.Config{
		Token: m.AuthToken, BcryptCost: int(m.BcryptCost), WaitApplied: (&appliedIndex{}).wait, Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	p := &replay{store: store, users: users, cluster: membership.New(id.ClusterID, id.MemberID, m.MaxLearners)}
	p.applier = apply.New(apply.Config{Cluster: p.cluster, Auth: users, Logger: logger})
	return p, errors.Join(p.cluster.Load(store), p.applier.Load(store))
}

// apply applies entries in one batch and returns their number. As in the apply loop, an entry that changes users or roles
// ends the batch before it and has one to itself.
func (p *replay) apply(entries []*raftpb.Entry) (n int, err error) {
	b := p.store.NewBatch()
	for _, e := range entries {
		alone, err := p.entry(b, e, n == 0)
		if err != nil {
			return 0, errors.Join(fmt.Errorf("replica: entry %d: %w", e.GetIndex(), err), b.Close())
		}
		if alone && n > 0 {
			break
		}
		if n++; alone {
			break
		}
	}
	last := entries[n-1]
	if err := b.Commit(last.GetIndex(), last.GetTerm()); err != nil {
		return 0, fmt.Errorf("replica: commit up to entry %d: %w", last.GetIndex(), err)
	}
	p.users.Publish()
	return n, nil
}

// entry applies one entry. What the apply loop passes over or refuses has no effect here either.
func (p *replay) entry(b *storage.Batch, e *raftpb.Entry, first bool) (alone bool, err error) {
	if e.GetType() == raftpb.EntryConfChange {
		cc := &raftpb.ConfChange{}
		if proto.Unmarshal(e.GetData(), cc) != nil {
			return false, nil
		}
		effect, refused := p.cluster.Check(cc)
		if refused != nil {
			return false, nil
		}
		return false, p.cluster.Make(b, effect)
	}
	req := &pb.InternalRaftRequest{}
	if e.GetType() != raftpb.EntryNormal || len(e.GetData()) == 0 || proto.Unmarshal(e.GetData(), req) != nil {
		return false, nil
	}
	if alone = apply.IsAuthChange(req); alone && !first {
		return alone, nil
	}
	if v2, err := v2pb.FromEntry(req); err == nil && v2 != nil {
		_, err = p.applier.ApplyV2(b, v2)
		return false, err
	}
	_, err = p.applier.Apply(b, req, false)
	return alone, err
}

// request applies a request in a batch of its own, which is slow and right: a change of users must not share one. The state
// stays at the index that it is at.
func (p *replay) request(req *pb.InternalRaftRequest) error {
	index, term := p.store.Applied()
	b := p.store.NewBatch()
	if _, err := p.applier.Apply(b, req, false); err != nil {
		return errors.Join(err, b.Close())
	}
	if err := b.Commit(index, term); err != nil {
		return err
	}
	p.users.Publish()
	return nil
}
