package replica

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"

	"github.com/petcd/petcd/raft/log"
	"github.com/petcd/petcd/server/membership"
)

// A member whose log is damaged does not know any more what it promised: which entries it acknowledged, whom it gave its vote.
// Others count on that for as long as it is a member. So it has itself removed, and joins again as a learner with a new id, which
// never promised anything. Both go through consensus, which it takes no part in until it has its vote again: docs/decisions/0011-repair.md.

// rejoinFile holds a rejoining while it is under way.
const rejoinFile = "rejoining"

// rejoining is how far a member has come on its way back. It is noted after a leader agreed to take the member back, and before
// one does, so that its question can be told from that of a member that an operator removed; and again once it knows its new
// identity, from which on nothing of its old files counts. It is a sealed file.
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
	if j == nil {
		if j, err = r.recollect(ctx); err != nil {
			return err
		}
		if _, err = r.askBack(ctx, j, false); !errors.Is(err, errNoteFirst) {
			return cmp.Or(err, errors.New("replica: a leader took this member back before it could note that"))
		}
		if err := r.dir.noteRejoining(j); err != nil {
			return err
		}
	}
	if j.New, err = r.askBack(ctx, j, true); err != nil {
		return err
	}
	j.New.RegainVote = j.Old.hadVote(j.New.RegainVote)
	if err := r.dir.noteRejoining(j); err != nil {
		return err
	}
	return r.finishRejoin(j)
}

// recollect finds out who this member was without its log: from its address book, or by its peer URLs from the others.
func (r *Replica) recollect(ctx context.Context) (*rejoining, error) {
	book := r.dir.addresses()
	urls := r.otherAddresses(book, nil)
	if len(urls) == 0 {
		return nil, errNobodyElse
	}
	if book != nil {
		// Its entry may have changed since the book was written.
		cluster, members, err := askMembers(ctx, r.peers.client, urls)
		now := &addressBook{book.MemberID, cluster, members, book.RegainVote}
		if err == nil && cluster == book.ClusterID && now.self() != nil {
			book = now
		}
		j := &rejoining{Old: *book, PeerURLs: r.flagURLs()}
		if me := book.self(); me != nil {
			j.PeerURLs = me.PeerURLs
		}
		return j, nil
	}
	cluster, members, err := askMembers(ctx, r.peers.client, urls)
	if err != nil {
		return nil, err
	}
	me := membership.WithPeerURLs(members, r.flagURLs())
	if me == nil {
		return nil, fmt.Errorf("%w: no member of the cluster has this member's peer URLs", membership.ErrMismatch)
	}
	return &rejoining{Old: addressBook{MemberID: me.ID, ClusterID: cluster, Members: members}, PeerURLs: me.PeerURLs}, nil
}

// hadVote tells whether the member whose book it is had a vote, or was about to get back one that it had. leader is what the leader
// thinks, to whom it was a learner like any other then.
func (b *addressBook) hadVote(leader bool) bool {
	if me := b.self(); me != nil && me.IsLearner {
		return b.RegainVote
	}
	return leader || b.RegainVote
}

// askBack asks the leader to put a new member in the place of this one, and returns who that is. Who leads isn't known, and
// perhaps isn't decided: so all others are asked in turn, for as long as it takes if each of them hangs once.
func (r *Replica) askBack(ctx context.Context, j *rejoining, again bool) (*identity, error) {
	urls := r.otherAddresses(&j.Old, nil)
	if len(urls) == 0 {
		return nil, errNobodyElse
	}
	body, err := json.Marshal(rejoinRequest{PeerURLs: j.PeerURLs, Again: again})
	if err != nil {
		return nil, err
	}
	each := r.cfg.Member.RequestTimeout()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(1+len(urls))*each)
	defer cancel()
	for {
		var failures []error
		for _, u := range urls {
			tctx, cancel := context.WithTimeout(ctx, each)
			back, err := r.peers.rejoin(tctx, u, body, &identity{MemberID: j.Old.MemberID, ClusterID: j.Old.ClusterID})
			cancel()
			if err == nil || errors.Is(err, ErrRemoved) || errors.Is(err, errNoteFirst) {
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
	switch {
	case PeerRefusal(err) == http.StatusGone:
		return nil, fmt.Errorf("%w: %w", ErrRemoved, err)
	case PeerRefusal(err) == http.StatusConflict:
		return nil, errNoteFirst
	case err != nil:
		return nil, err
	}
	return decodeIdentity(answer)
}

// finishRejoin sets the old files aside and begins new ones. It may have been cut off anywhere.
func (r *Replica) finishRejoin(j *rejoining) error {
	empty, begun, err := r.beganAs(j.New)
	if err != nil {
		return err
	}
	if !empty && !begun {
		if err := log.SetAside(r.cfg.FS, r.dir.logDir, r.cfg.Member.WALFailoverDir); err != nil {
			return err
		}
	}
	if !begun {
		if err := r.dir.setStateAside(); err != nil {
			return err
		}
		if err := r.beginLog(j.New); err != nil {
			return err
		}
	}
	book := addressBook{MemberID: j.New.MemberID, ClusterID: j.New.ClusterID, RegainVote: j.New.RegainVote}
	if err := json.Unmarshal(j.New.Peers, &book.Members); err != nil {
		return fmt.Errorf("%w: members in %s: %w", ErrCorrupt, rejoinFile, err)
	}
	content, err := seal(book)
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

// beganAs tells whether the log is the new member's already, or was made for it and has nothing yet. One that is there and can't be
// read is the old one's.
func (r *Replica) beganAs(id *identity) (empty, begun bool, err error) {
	l, err := log.Open(r.dir.logDir, r.logOptions())
	if errors.Is(err, log.ErrCorrupt) || errors.Is(err, log.ErrStraySegments) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	meta := l.Metadata()
	last, err := l.LastIndex()
	if err = errors.Join(err, l.Close()); err != nil || meta == nil {
		return err == nil && last == 0, false, err
	}
	found, err := decodeIdentity(meta)
	return false, err == nil && found.MemberID == id.MemberID, nil
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
	if err != nil {
		return nil, err
	}
	j := &rejoining{}
	if !unseal(content, j) {
		return nil, fmt.Errorf("%w: %s can't be read; remove this member and add it again", ErrCorrupt, rejoinFile)
	}
	return j, nil
}

// noteRejoining writes it down.
func (d *dataDir) noteRejoining(j *rejoining) error {
	content, err := seal(j)
	if err != nil {
		return err
	}
	return d.write(rejoinFile, content)
}

// settleRejoining finds out what became of a rejoining that was cut off, now that the log turns out to be whole. Its leader may have
// removed this member: then only the new one is left. Who can't know, as nobody leads, goes on with the log: it has all that was
// promised. The note stays until this member's word is heard again (publish).
func (r *Replica) settleRejoining(ctx context.Context) error {
	j, err := r.dir.rejoining()
	if err != nil || j == nil {
		return err
	}
	if r.cfg.Member.ForceNewCluster {
		return r.dir.remove(rejoinFile) // there are no others
	}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Member.RequestTimeout())
	defer cancel()
	_, err = r.askBack(ctx, j, false)
	switch {
	case errors.Is(err, errNoteFirst): // still a member
		return r.dir.remove(rejoinFile)
	case errors.Is(err, ErrRemoved):
		removed := fmt.Errorf("%w: the log is whole again, but this member was removed to be taken back", ErrCorrupt)
		return &damageError{part: theLog, err: removed}
	}
	r.logger.Warn("could not learn whether this member was removed to be taken back; going on with the log", "error", err)
	return nil
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
