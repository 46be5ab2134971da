package replica

import (
	"context"
	"net/http"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/membershippb"
)

// publishMin is how long the first attempt to publish may take. Later ones get more: the first proposals of a member are
// easily lost while the others connect to it, and saying the same twice does no harm.
const publishMin = time.Second

// publish tells the cluster this member's name and client URLs, until it is heard. Then the member is ready.
func (r *Replica) publish(ctx context.Context) {
	at := &membershippb.Attributes{Name: r.cfg.Member.Name}
	for _, u := range r.cfg.Member.AdvertiseClientURLs {
		at.ClientUrls = append(at.ClientUrls, u.String())
	}
	req := &membershippb.ClusterMemberAttrSetRequest{Member_ID: r.cluster.LocalID(), MemberAttributes: at}
	for patience := publishMin; ctx.Err() == nil; patience = min(2*patience, r.cfg.Member.RequestTimeout()) {
		tctx, cancel := context.WithTimeout(ctx, patience)
		res, err := r.Propose(tctx, &pb.InternalRaftRequest{ClusterMemberAttrSet: req})
		cancel()
		if err == nil {
			err = res.Err
		}
		if err == nil {
			r.logger.Info("published local member to cluster through raft", "local_member_id", hexID(r.cluster.LocalID()),
				"local_member_attributes", at.String(), "cluster_id", hexID(r.cluster.ID()))
			r.quota.adopt() // before a client can raise an alarm
			close(r.ready)
			if err := r.dir.remove(rejoinFile); err != nil { // still a member, so nothing came of it
				r.logger.Warn("could not remove the note of a rejoining", "error", err)
			}
			return
		}
		if ctx.Err() == nil {
			r.logger.Warn("failed to publish local member to cluster through raft", "local_member_id", hexID(r.cluster.LocalID()), "error", err)
			if r.Status().Leader == 0 && r.isRemoved(ctx) {
				r.fail(ErrRemoved)
				return
			}
			sleep(ctx, retryPause)
		}
	}
}

// isRemoved asks the others whether this member was removed. One that was before its first start has nothing to tell them, and nobody
// sends it anything: that happens to a machine that is added again right after its removal, and learned who it is from a member that
// knew of neither.
func (r *Replica) isRemoved(ctx context.Context) bool {
	me := &identity{MemberID: r.cluster.LocalID(), ClusterID: r.cluster.ID()}
	others := r.cluster.Members()
	if len(others) == 0 {
		others = r.known
	}
	for _, m := range others {
		if m.ID == me.MemberID {
			continue
		}
		for _, u := range m.PeerURLs {
			if r.Status().Leader != 0 { // so it is heard
				return false
			}
			tctx, cancel := context.WithTimeout(ctx, publishMin)
			_, err := r.peers.signed(tctx, http.MethodGet, u+membersPath, nil, me)
			cancel()
			if PeerRefusal(err) == http.StatusGone {
				return true
			}
		}
	}
	return false
}

// Ready is closed once this member has published its attributes: it reached a quorum, and its own state followed.
func (r *Replica) Ready() <-chan struct{} { return r.ready }
