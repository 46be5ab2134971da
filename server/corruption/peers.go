package corruption

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/storage/mvcc"
)

// hashKVPath is where members ask each other for hashes, as in etcd.
const hashKVPath = "/members/hashkv"

// bodyMax bounds what is read of a question or of an answer.
const bodyMax = 64 << 10

// answer is a peer's hash, or why there is none.
type answer struct {
	digest
	id   uint64
	urls []string
	err  error
}

// others are the members beside this one that can be asked.
func (c *Checker) others() (others []*membership.Member) {
	cluster := c.cfg.Replica.Cluster()
	for _, m := range cluster.Members() {
		if m.ID != cluster.LocalID() && len(m.PeerURLs) > 0 {
			others = append(others, m)
		}
	}
	return others
}

// ask asks all other members at a time for their hashes up to a revision.
func (c *Checker) ask(ctx context.Context, revision int64) []answer {
	others := c.others()
	answers := make([]answer, len(others))
	var all sync.WaitGroup
	for i, m := range others {
		all.Go(func() { answers[i] = c.askOne(ctx, m, revision) })
	}
	all.Wait()
	return answers
}

// askOne tries a member's URLs in order. The peer has to read all its keys before it answers.
func (c *Checker) askOne(ctx context.Context, m *membership.Member, revision int64) answer {
	ctx, cancel := context.WithTimeout(ctx, c.hashMax)
	defer cancel()
	a := answer{id: m.ID, urls: m.PeerURLs}
	for _, u := range m.PeerURLs {
		if a.digest, a.err = c.fetch(ctx, u, revision); a.err == nil {
			break
		}
		c.cfg.Logger.Warn("failed hash kv request", "requested-revision", revision, "remote-peer-endpoint", u, "error", a.err)
	}
	return a
}

// fetch asks one URL.
func (c *Checker) fetch(ctx context.Context, url string, revision int64) (digest, error) {
	body, err := json.Marshal(&pb.HashKVRequest{Revision: revision})
	if err != nil {
		return digest{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+hashKVPath, bytes.NewReader(body))
	if err != nil {
		return digest{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(clusterHeader, membership.IDString(c.cfg.Replica.Cluster().ID()))
	resp, err := c.cfg.Replica.PeerClient().Do(req)
	if err != nil {
		return digest{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, bodyMax))
	if err != nil {
		return digest{}, err
	}
	return decodeAnswer(resp.StatusCode, b, revision)
}

// decodeAnswer reads a peer's answer to a question for a revision. A member of etcd up to 3.5 does not say which revision
// it hashed.
func decodeAnswer(status int, body []byte, revision int64) (digest, error) {
	text := string(body)
	switch {
	case status == http.StatusBadRequest && strings.Contains(text, mvcc.ErrCompacted.Error()):
		return digest{}, errCompacted
	case status == http.StatusBadRequest && strings.Contains(text, mvcc.ErrFutureRevision.Error()):
		return digest{}, errFuture
	case status == http.StatusPreconditionFailed && strings.Contains(text, otherClusterText):
		return digest{}, errOtherID
	case status != http.StatusOK:
		return digest{}, fmt.Errorf("corruption: the peer answered %d: %.200s", status, strings.TrimSpace(text))
	}
	resp := &pb.HashKVResponse{}
	if err := json.Unmarshal(body, resp); err != nil {
		return digest{}, fmt.Errorf("corruption: decode a peer's hash: %w", err)
	}
	d := digest{hash: resp.GetHash(), revision: resp.GetHashRevision(), compact: resp.GetCompactRevision(), current: resp.GetHeader().GetRevision()}
	if d.revision == 0 {
		d.revision = revision
	}
	return d, nil
}
