package membership

import (
	"encoding/json"
	"fmt"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/petcd/petcd/storage"
)

// changeContext is what an addition or a promotion carries in its entry: both are raft's AddNode, so the flag tells them
// apart.
type changeContext struct {
	Member
	IsPromote bool `json:"isPromote"`
}

// AddChange is the configuration change that adds m.
func AddChange(m *Member) (*raftpb.ConfChange, error) {
	kind := raftpb.ConfChangeAddNode
	if m.IsLearner {
		kind = raftpb.ConfChangeAddLearnerNode
	}
	return change(kind, m.ID, m)
}

// RemoveChange is the configuration change that removes a member for good.
func RemoveChange(id uint64) *raftpb.ConfChange {
	return &raftpb.ConfChange{Type: raftpb.ConfChangeRemoveNode.Enum(), NodeId: &id}
}

// PromoteChange is the configuration change that gives a learner its vote.
func PromoteChange(id uint64) (*raftpb.ConfChange, error) {
	return change(raftpb.ConfChangeAddNode, id, changeContext{Member: Member{ID: id}, IsPromote: true})
}

// UpdateChange is the configuration change that replaces a member's peer URLs.
func UpdateChange(id uint64, peerURLs []string) (*raftpb.ConfChange, error) {
	return change(raftpb.ConfChangeUpdateNode, id, &Member{ID: id, RaftAttributes: RaftAttributes{PeerURLs: peerURLs}})
}

func change(kind raftpb.ConfChangeType, id uint64, content any) (*raftpb.ConfChange, error) {
	b, err := json.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("membership: encode change: %w", err)
	}
	return &raftpb.ConfChange{Type: kind.Enum(), NodeId: &id, Context: b}, nil
}

// Effect is what a committed change did to the members; the replica follows it with its connections. Member is the member
// as it is now, or as it was when it was removed. A change that was refused has no effect.
type Effect struct {
	Kind   EffectKind
	Member *Member
}

// EffectKind is the kind of an Effect.
type EffectKind int

// What a change can do to a member.
const (
	Added EffectKind = iota + 1
	Promoted
	Updated
	Removed
)

// Make makes a change that Check found valid, and writes it to b.
//
// REQUIRES: called by the apply loop, in log order.
func (c *Cluster) Make(b Writer, e Effect) error {
	if e.Kind != Removed {
		if err := putMember(b, e.Member); err != nil {
			return err
		}
		c.current.Store(c.current.Load().with(e.Member))
		return nil
	}
	key := recordKey(e.Member.ID)
	if err := b.DeleteRecord(storage.TableMembers, key); err != nil {
		return err
	}
	if err := b.SetRecord(storage.TableRemovedMembers, key, []byte{}); err != nil {
		return err
	}
	c.current.Store(c.current.Load().without(e.Member.ID))
	return nil
}

// Check decides what a committed change does to the members as they are, in etcd's order of checks. An error is the answer
// to whoever proposed it, and the same on every member.
func (c *Cluster) Check(cc *raftpb.ConfChange) (Effect, error) {
	v, id := c.current.Load(), cc.GetNodeId()
	if v.removed[id] {
		return Effect{}, ErrIDRemoved
	}
	switch cc.GetType() {
	case raftpb.ConfChangeAddNode, raftpb.ConfChangeAddLearnerNode:
		return checkAdd(v, cc)
	case raftpb.ConfChangeRemoveNode:
		if m := v.find(id); m != nil {
			return Effect{Removed, m}, nil
		}
		return Effect{}, ErrIDNotFound
	case raftpb.ConfChangeUpdateNode:
		return checkUpdate(v, cc)
	default:
		return Effect{}, fmt.Errorf("%w: type %v", ErrBadChange, cc.GetType())
	}
}

func checkAdd(v *view, cc *raftpb.ConfChange) (Effect, error) {
	var ctx changeContext
	if err := decodeContext(cc, &ctx); err != nil {
		return Effect{}, err
	}
	old := v.find(ctx.ID)
	if ctx.IsPromote {
		if old == nil {
			return Effect{}, ErrIDNotFound
		}
		if !old.IsLearner {
			return Effect{}, ErrNotLearner
		}
		m := old.Clone()
		m.IsLearner = false
		return Effect{Promoted, m}, nil
	}
	if old != nil {
		return Effect{}, ErrIDExists
	}
	if v.peerURLTaken(ctx.ID, ctx.PeerURLs) {
		return Effect{}, ErrPeerURLExists
	}
	m := ctx.Member
	// What raft will make of it decides, should an entry's type and its content disagree.
	m.IsLearner = cc.GetType() == raftpb.ConfChangeAddLearnerNode
	return Effect{Added, &m}, nil
}

func checkUpdate(v *view, cc *raftpb.ConfChange) (Effect, error) {
	old := v.find(cc.GetNodeId())
	if old == nil {
		return Effect{}, ErrIDNotFound
	}
	var update changeContext
	if err := decodeContext(cc, &update); err != nil {
		return Effect{}, err
	}
	if v.peerURLTaken(old.ID, update.PeerURLs) {
		return Effect{}, ErrPeerURLExists
	}
	// Only the URLs: an update must not turn a learner into a voter.
	m := old.Clone()
	m.PeerURLs = update.PeerURLs
	return Effect{Updated, m}, nil
}

// decodeContext reads a change's content, which must be about the member the change names.
func decodeContext(cc *raftpb.ConfChange, ctx *changeContext) error {
	if err := json.Unmarshal(cc.GetContext(), ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrBadChange, err)
	}
	if ctx.ID != cc.GetNodeId() || ctx.ID == 0 {
		return fmt.Errorf("%w: content is about member %x, change about %x", ErrBadChange, ctx.ID, cc.GetNodeId())
	}
	return nil
}
