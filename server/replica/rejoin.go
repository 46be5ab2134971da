package replica

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"go.etcd.io/etcd/client/pkg/v3/types"

	"github.com/petcd/petcd/raft/log"
	"github.com/petcd/petcd/server/membership"
)

// A member whose log is damaged does not know any more what it promised: which entries it acknowledged, whom it gave its vote.
// Others count on that for as long as it is a member. So it has itself removed, and joins again as a learner with a new id, which
// never promised anything. Both go through consensus, which it takes no part in until it has its vote again: docs/decisions/0011-repair.md.

// rejoinFile holds a rejoining while it is under way.
const rejoinFile = "rejoining"

// rejoining is how far a member has come on its way back. It is noted before the member asks to be removed, so that its question can
// be told from that of a member that an operator removed, and again once it knows its new identity, from which on nothing of
// its old files counts.
type rejoining struct {
	Old      addressBook `json:"old"`
	PeerURLs []string    `json:"peer_urls"`
	New      *identity   `json:"new,omitempty"`
}

// rejoin makes this member another one of the same cluster, with empty files.
func (r *Replica) rejoin(ctx context.Context) (err error) {
	if err := r.openDir(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.closeFiles()) }()
	j, err := r.dir.rejoining()
	if err != nil {
		return err
	}
	again := j != nil
	if !again {
		if j, err = r.recollect(ctx); err != nil {
			return err
		}
		if err := r.dir.noteRejoining(j); err != nil {
			return err
		}
	}
	if j.New, err = r.askBack(ctx, j, again); err != nil {
		return err
	}
	if err := r.dir.noteRejoining(j); err != nil {
		return err
	}
	return r.finishRejoin(j)
}

// recollect finds out who this member was without its log: from its address book, or by its peer URLs from the others.
func (r *Replica) recollect(ctx context.Context) (*rejoining, error) {
	if book := r.dir.addresses(); book != nil {
		j := &rejoining{Old: *book, PeerURLs: r.flagURLs()}
		for _, m := range book.Members {
			if m.ID == book.MemberID {
				j.PeerURLs = m.PeerURLs
			}
		}
		return j, nil
	}
	urls := r.otherAddresses(nil, nil)
	if len(urls) == 0 {
		return nil, errNobodyElse
	}
	cluster, members, err := askMembers(ctx, r.peers.client, urls)
	if err != nil {
		return nil, err
	}
	me := membership.WithPeerURLs(members, r.flagURLs())
	if me == nil {
		return nil, fmt.Errorf("%w: no member of the cluster has this member's peer URLs", membership.ErrMismatch)
	}
	return &rejoining{Old: addressBook{me.ID, cluster, members}, PeerURLs: me.PeerURLs}, nil
}

// askBack asks the leader to put a new member in the place of this one, and returns who that is. Who leads isn't known, and
// perhaps isn't decided: so all others are asked in turn, for as long as two elections and two requests may take.
func (r *Replica) askBack(ctx context.Context, j *rejoining, again bool) (*identity, error) {
	urls := r.otherAddresses(&j.Old, nil)
	if len(urls) == 0 {
		return nil, errNobodyElse
	}
	body, err := json.Marshal(rejoinRequest{PeerURLs: j.PeerURLs, Again: again})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*r.cfg.Member.RequestTimeout())
	defer cancel()
	for {
		var failures []error
		for _, u := range urls {
			back, err := r.peers.rejoin(ctx, u, body, &identity{MemberID: j.Old.MemberID, ClusterID: j.Old.ClusterID})
			if err == nil || errors.Is(err, ErrRemoved) {
				return back, err
			}
			failures = append(failures, fmt.Errorf("%s: %w", u, err))
		}
		if sleep(ctx, retryPause); ctx.Err() != nil {
			return nil, errors.Join(failures...)
		}
	}
}

// rejoin asks the member at a peer URL.
func (p *peers) rejoin(ctx context.Context, url string, body []byte, old *identity) (*identity, error) {
	answer, err := p.signed(ctx, http.MethodPost, url+rejoinPath, body, old)
	if refused := (*statusError)(nil); errors.As(err, &refused) && refused.code == http.StatusGone {
		return nil, fmt.Errorf("%w: %w", ErrRemoved, err)
	}
	if err != nil {
		return nil, err
	}
	return decodeIdentity(answer)
}

// finishRejoin sets the old files aside and begins new ones. It may have been cut off anywhere.
func (r *Replica) finishRejoin(j *rejoining) error {
	begun, err := r.beganAs(j.New)
	if err != nil {
		return err
	}
	if !begun {
		if err := log.SetAside(r.cfg.FS, r.dir.logDir, r.cfg.Member.WALFailoverDir); err != nil {
			return err
		}
		if err := r.dir.setStateAside(); err != nil {
			return err
		}
		if err := r.beginLog(j.New); err != nil {
			return err
		}
	}
	book := addressBook{MemberID: j.New.MemberID, ClusterID: j.New.ClusterID}
	if err := json.Unmarshal(j.New.Peers, &book.Members); err != nil {
		return fmt.Errorf("%w: members in %s: %w", ErrCorrupt, rejoinFile, err)
	}
	content, err := book.encode()
	if err != nil {
		return err
	}
	if err := r.dir.write(addressesFile, content); err != nil {
		return err
	}
	if err := r.dir.remove(damageNote); err != nil {
		return err
	}
	r.logger.Warn("joined the cluster again with an empty log", "old_member_id", hexID(j.Old.MemberID),
		"local_member_id", hexID(j.New.MemberID), "set_aside", []string{r.dir.logDir, r.dir.state + setAside})
	return r.dir.remove(rejoinFile)
}

// beganAs tells whether the log is the new member's already. One that is there and can't be read is the old one's.
func (r *Replica) beganAs(id *identity) (bool, error) {
	l, err := log.Open(r.dir.logDir, r.logOptions())
	if errors.Is(err, log.ErrCorrupt) || errors.Is(err, log.ErrStraySegments) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	meta := l.Metadata()
	if err := l.Close(); err != nil || meta == nil {
		return false, err
	}
	found, err := decodeIdentity(meta)
	return err == nil && found.MemberID == id.MemberID, nil
}

// beginLog makes the new member's log.
func (r *Replica) beginLog(id *identity) (err error) {
	record, err := json.Marshal(id)
	if err != nil {
		return err
	}
	l, err := log.Open(r.dir.logDir, r.logOptions())
	if err != nil {
		return err
	}
	return errors.Join(l.SetMetadata(record), l.Close())
}

// rejoining reads how far a member has come; nil when it isn't on its way.
func (d *dataDir) rejoining() (*rejoining, error) {
	content, err := d.read(rejoinFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	j := &rejoining{}
	if err == nil {
		err = json.Unmarshal(content, j)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, rejoinFile, err)
	}
	return j, nil
}

// noteRejoining writes it down.
func (d *dataDir) noteRejoining(j *rejoining) error {
	content, err := json.Marshal(j)
	if err != nil {
		return err
	}
	return d.write(rejoinFile, content)
}

// regainVote gives a member that joined again the vote that it had, once it has caught up, until ctx ends.
func (r *Replica) regainVote(ctx context.Context) {
	for ; ctx.Err() == nil; sleep(ctx, promotionInterval) {
		me := r.cluster.Member(r.cluster.LocalID())
		switch {
		case me == nil:
			continue // the entry that adds it hasn't come yet
		case !me.IsLearner:
			return
		}
		if _, err := r.PromoteMember(ctx, me.ID); err == nil {
			r.logger.Info("has its vote again", "local_member_id", hexID(me.ID))
			return
		} else if !errors.Is(err, ErrLearnerNotReady) {
			r.logger.Warn("could not get the vote back", "local_member_id", hexID(me.ID), "error", err)
		}
	}
}

// flagURLs are this member's peer URLs by its flags.
func (r *Replica) flagURLs() []string {
	urls := types.URLs(r.cfg.Member.AdvertisePeerURLs)
	return urls.StringSlice()
}
