package replica

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/membership"
)

// identify finds out who this member is: from its log, when it ran before; otherwise from its flags, as a founder of a new
// cluster or as one that an existing cluster added.
func (r *Replica) identify(ctx context.Context) (*identity, error) {
	if meta := r.log.Metadata(); meta != nil {
		return decodeIdentity(meta)
	}
	last, err := r.log.LastIndex()
	if err != nil {
		return nil, err
	}
	if applied, _ := r.store.Applied(); applied > 0 || last > 0 {
		return nil, fmt.Errorf("%w: there is a state, but the log does not say whose; remove this member and add it again", ErrCorrupt)
	}
	if m := &r.cfg.Member; len(m.InitialCluster) == 0 && r.cfg.Discover != nil {
		if m.InitialCluster, err = r.cfg.Discover(ctx); err != nil {
			return nil, err
		}
	}
	var id *identity
	if r.cfg.Member.IsNew() {
		id, err = r.foundCluster(ctx)
	} else {
		id, err = r.joinCluster(ctx)
	}
	if err != nil {
		return nil, err
	}
	meta, err := json.Marshal(id)
	if err != nil {
		return nil, err
	}
	return id, r.log.SetMetadata(meta)
}

// foundCluster makes this member one of the founders of a new cluster.
func (r *Replica) foundCluster(ctx context.Context) (*identity, error) {
	m := &r.cfg.Member
	if err := m.VerifyBootstrap(ctx); err != nil {
		return nil, err
	}
	cluster, founders, err := membership.Found(m.InitialCluster, m.InitialClusterToken)
	if err != nil {
		return nil, err
	}
	self := memberNamed(founders, m.Name)
	// A founder that lost its data must not vote again as if it never had.
	tctx, cancel := context.WithTimeout(ctx, askFoundersMax)
	defer cancel()
	if _, running, err := askMembers(tctx, r.peers.client, otherURLs(founders, self)); err == nil {
		for _, other := range running {
			if other.ID == self.ID && len(other.ClientURLs) > 0 {
				return nil, fmt.Errorf("%w: member %s has already been bootstrapped", membership.ErrIDExists, hexID(self.ID))
			}
		}
	}
	list, err := json.Marshal(founders)
	if err != nil {
		return nil, err
	}
	return &identity{MemberID: self.ID, ClusterID: cluster, Founders: list}, nil
}

// askFoundersMax bounds the question whether the cluster runs already. Founders that are not up yet refuse at once.
const askFoundersMax = time.Second

// joinCluster finds this member among those of an existing cluster: there it was added by its peer URLs, and got its id.
func (r *Replica) joinCluster(ctx context.Context) (*identity, error) {
	m := &r.cfg.Member
	if err := m.VerifyJoin(); err != nil {
		return nil, err
	}
	_, local, err := membership.Found(m.InitialCluster, m.InitialClusterToken)
	if err != nil {
		return nil, err
	}
	self := memberNamed(local, m.Name)
	cluster, running, err := askMembers(ctx, r.peers.client, otherURLs(local, self))
	if err != nil {
		return nil, fmt.Errorf("cannot fetch cluster info from peer urls: %w", err)
	}
	found, err := membership.Match(local, running)
	if err != nil {
		return nil, err
	}
	list, err := json.Marshal(running)
	if err != nil {
		return nil, err
	}
	return &identity{MemberID: found[self.ID], ClusterID: cluster, Peers: list}, nil
}

// memberNamed is the member that this one's configuration calls so; that there is one was verified.
func memberNamed(ms []*membership.Member, name string) *membership.Member {
	return ms[slices.IndexFunc(ms, func(m *membership.Member) bool { return m.Name == name })]
}

// otherURLs are the peer URLs of all but self.
func otherURLs(ms []*membership.Member, self *membership.Member) (urls []string) {
	for _, m := range ms {
		if m != self {
			urls = append(urls, m.PeerURLs...)
		}
	}
	return urls
}

// found writes a new cluster's first entries, one per founder. All founders write the same, as if they had been committed.
func (r *Replica) found(id *identity) error {
	if len(id.Founders) == 0 {
		return nil // a joining member's log comes from the leader
	}
	var founders []*membership.Member
	if err := json.Unmarshal(id.Founders, &founders); err != nil {
		return fmt.Errorf("%w: founders in the log's metadata: %w", ErrCorrupt, err)
	}
	var changes []*raftpb.ConfChange
	for _, m := range founders {
		cc, err := membership.AddChange(m)
		if err != nil {
			return err
		}
		changes = append(changes, cc)
	}
	entries, err := changeEntries(changes, 1, 1)
	if err != nil {
		return err
	}
	return r.log.Bootstrap(entries, hardState(1, 0, uint64(len(entries))))
}

// changeEntries makes entries of changes, from an index on.
func changeEntries(changes []*raftpb.ConfChange, term, index uint64) (entries []*raftpb.Entry, err error) {
	for _, cc := range changes {
		data, err := proto.Marshal(cc)
		if err != nil {
			return nil, fmt.Errorf("replica: encode a change of members: %w", err)
		}
		entries = append(entries, &raftpb.Entry{Type: raftpb.EntryConfChange.Enum(), Term: &term, Index: new(index), Data: data})
		index++
	}
	return entries, nil
}

func hardState(term, vote, commit uint64) *raftpb.HardState {
	return &raftpb.HardState{Term: &term, Vote: &vote, Commit: &commit}
}

// standAlone appends to the log, as committed, what makes this member the only one: its own vote, if it has none, and the
// removal of all others. Whatever the log holds counts as committed: an acknowledged entry may be above the commit index,
// which is written without a sync and trails at a follower. There is nobody left to whom the rest could be wrong.
func (r *Replica) standAlone(id *identity) error {
	hs, _, err := r.log.InitialState()
	if err != nil {
		return err
	}
	last, err := r.log.LastIndex()
	if err != nil {
		return err
	}
	members, err := r.membersAt(id, last)
	if err != nil {
		return err
	}
	if members.IsRemoved(id.MemberID) {
		// That it was removed itself counts only if it is known: such an id is never a member again.
		applied, _ := r.store.Applied()
		last = max(hs.GetCommit(), applied)
		if members, err = r.membersAt(id, last); err != nil {
			return err
		}
		if members.IsRemoved(id.MemberID) {
			return ErrRemoved
		}
	}
	var changes []*raftpb.ConfChange
	var cc *raftpb.ConfChange
	switch self := members.Member(id.MemberID); {
	case self == nil:
		urls := types.URLs(r.cfg.Member.AdvertisePeerURLs)
		me := &membership.Member{ID: id.MemberID, RaftAttributes: membership.RaftAttributes{PeerURLs: urls.StringSlice()}}
		cc, err = membership.AddChange(me)
	case self.IsLearner:
		cc, err = membership.PromoteChange(id.MemberID)
	}
	if err != nil {
		return err
	}
	if cc != nil {
		changes = append(changes, cc)
	}
	for _, m := range members.Members() {
		if m.ID != id.MemberID {
			changes = append(changes, membership.RemoveChange(m.ID))
		}
	}
	term := max(hs.GetTerm(), 1)
	entries, err := changeEntries(changes, term, last+1)
	if err != nil || len(entries) == 0 {
		return err
	}
	r.logger.Info("forcing restart member", "cluster_id", hexID(id.ClusterID), "local_member_id", hexID(id.MemberID),
		"commit_index", hs.GetCommit(), "last_index", last, "appended_changes", len(entries))
	return r.log.Append(hardState(term, hs.GetVote(), last+uint64(len(entries))), entries, true)
}

// membersAt are the members as of an index that the state may not have applied yet.
func (r *Replica) membersAt(id *identity, index uint64) (*membership.Cluster, error) {
	c := membership.New(id.ClusterID, id.MemberID, r.cfg.Member.MaxLearners)
	if err := c.Load(r.store); err != nil {
		return nil, err
	}
	applied, _ := r.store.Applied()
	for next := applied + 1; next <= index; {
		entries, err := r.log.Entries(next, index+1, batchBytesMax)
		if err != nil {
			return nil, fmt.Errorf("replica: read the log from %d: %w", next, err)
		}
		for _, e := range entries {
			if e.GetType() != raftpb.EntryConfChange {
				continue
			}
			cc := &raftpb.ConfChange{}
			if proto.Unmarshal(e.GetData(), cc) != nil {
				continue // refused when it is applied, too
			}
			if effect, err := c.Check(cc); err == nil {
				if err := c.Make(membership.Discard, effect); err != nil {
					return nil, err
				}
			}
		}
		next += uint64(len(entries))
	}
	return c, nil
}
