package corruption

import (
	"cmp"
	"context"
	"slices"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/membership"
)

// group is the members that have one hash.
type group struct {
	hash    uint32
	members []uint64
}

// judge compares the peers' hashes with this member's and raises the alarm for those in the minority (I2). It tells
// whether all that could be compared agree, and how many peers those were.
func (c *Checker) judge(ctx context.Context, d digest, answers []answer) (agree bool, compared int) {
	self := c.cfg.Replica.Cluster().LocalID()
	groups, compared := divide(self, d, answers)
	if len(groups) == 1 {
		return true, compared
	}
	wrong := minority(groups, len(answers)+1)
	for _, g := range groups {
		c.cfg.Logger.Error("Detected compaction hash mismatch", "leader-id", membership.IDString(self),
			"leader-revision", d.revision, "leader-compact-revision", d.compact, "leader-hash", d.hash,
			"hash", g.hash, "member-ids", idStrings(g.members), "quorum-exist", wrong != nil)
	}
	if wrong == nil {
		wrong = []uint64{0}
	}
	for _, id := range wrong {
		c.blame(ctx, id)
	}
	return false, compared
}

// divide groups this member and all peers that can be compared with it by their hashes, and counts those peers.
func divide(self uint64, d digest, answers []answer) (groups []group, compared int) {
	groups = []group{{d.hash, []uint64{self}}}
	for _, p := range answers {
		if p.err != nil || p.compact != d.compact || p.revision != d.revision { // I1
			continue
		}
		compared++
		groups = join(groups, p)
	}
	return groups, compared
}

// join adds a peer to those of its hash.
func join(groups []group, p answer) []group {
	i := slices.IndexFunc(groups, func(g group) bool { return g.hash == p.hash })
	if i < 0 {
		return append(groups, group{p.hash, []uint64{p.id}})
	}
	groups[i].members = append(groups[i].members, p.id)
	return groups
}

// minority is the members outside the group that is a majority of all members, in order; nil when there is none.
func minority(groups []group, members int) (wrong []uint64) {
	largest := slices.MaxFunc(groups, func(a, b group) int { return cmp.Compare(len(a.members), len(b.members)) })
	if len(largest.members) < members/2+1 {
		return nil
	}
	for _, g := range groups {
		if g.hash != largest.hash {
			wrong = append(wrong, g.members...)
		}
	}
	slices.Sort(wrong)
	return wrong
}

// blame raises the CORRUPT alarm for a member, 0 for nobody in particular, unless it is raised.
func (c *Checker) blame(ctx context.Context, id uint64) {
	r := c.cfg.Replica
	if slices.ContainsFunc(r.Alarms(pb.AlarmType_CORRUPT), func(m *pb.AlarmMember) bool { return m.MemberID == id }) {
		return
	}
	c.cfg.Logger.Error("raising the alarm CORRUPT", "member-id", membership.IDString(id))
	req := &pb.AlarmRequest{MemberID: id, Action: pb.AlarmRequest_ACTIVATE, Alarm: pb.AlarmType_CORRUPT}
	if _, err := r.Propose(ctx, &pb.InternalRaftRequest{Alarm: req}); err != nil {
		c.cfg.Logger.Error("could not raise the alarm CORRUPT", "member-id", membership.IDString(id), "error", err)
	}
}

// idStrings are ids as logs show them.
func idStrings(ids []uint64) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = membership.IDString(id)
	}
	return out
}
