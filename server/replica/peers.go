package replica

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"

	"github.com/petcd/petcd/raft/transport"
	"github.com/petcd/petcd/server/membership"
)

// peerBytesMax bounds what is read of a peer's answer: the keys of a lease may be many.
const peerBytesMax = 100 << 20

// peers asks other members over their peer URLs, as etcd's members ask each other.
type peers struct {
	cluster *membership.Cluster
	client  *http.Client
}

// idlePeerConns is how many connections to one peer stay open between requests, as in etcd: a follower passes every
// keep-alive of its clients' leases on to the leader, many at a time.
const idlePeerConns = 1024

// newPeerClient makes an HTTP client that reaches peers through dial.
func newPeerClient(dial transport.Dialer, secure func(host string) *tls.Config) *http.Client {
	if dial == nil {
		dial = (&net.Dialer{Timeout: 5 * time.Second}).DialContext
	}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dial, DialTLSContext: transport.DialTLS(dial, secure),
			MaxIdleConnsPerHost: idlePeerConns, IdleConnTimeout: 30 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// statusError is an answer that is not OK.
type statusError struct {
	code int
	text string
}

// Error shows the status and the peer's text.
func (e *statusError) Error() string {
	return fmt.Sprintf("replica: peer answered %d: %s", e.code, e.text)
}

// call sends a request to one peer URL and returns the body of its answer.
func call(ctx context.Context, client *http.Client, method, url, contentType string, body []byte) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return do(client, req)
}

// do is call for a request that is made.
func do(client *http.Client, req *http.Request) ([]byte, http.Header, error) {
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, peerBytesMax))
	if err != nil {
		return nil, nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, nil, &statusError{resp.StatusCode, strings.TrimSpace(string(b))}
	}
	return b, resp.Header, nil
}

// post sends a request to a member, trying its URLs in order. An answer, also a refusal, ends the trying.
func (p *peers) post(ctx context.Context, id uint64, path, contentType string, body []byte) ([]byte, error) {
	m := p.cluster.Member(id)
	if m == nil {
		return nil, membership.ErrIDNotFound
	}
	err := fmt.Errorf("%w: member %s has no peer URL", membership.ErrUnreachable, hexID(id))
	for _, u := range m.PeerURLs {
		var b []byte
		if b, _, err = call(ctx, p.client, http.MethodPost, u+path, contentType, body); err == nil {
			return b, nil
		}
		if refused := (*statusError)(nil); errors.As(err, &refused) {
			return nil, err
		}
	}
	return nil, err
}

// signed sends a request to a peer URL that says who asks, and returns the body of the answer.
func (p *peers) signed(ctx context.Context, method, url string, body []byte, id *identity) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	sign(req, id)
	b, _, err := do(p.client, req)
	return b, err
}

// promote asks the leader to promote a learner.
func (p *peers) promote(ctx context.Context, leader, id uint64) ([]*membership.Member, error) {
	b, err := p.post(ctx, leader, promotePath+strconv.FormatUint(id, 10), "", nil)
	if refused := (*statusError)(nil); errors.As(err, &refused) {
		switch {
		case refused.code == http.StatusNotFound:
			return nil, membership.ErrIDNotFound
		case strings.Contains(refused.text, "in sync with leader"):
			return nil, ErrLearnerNotReady
		case refused.code == http.StatusPreconditionFailed:
			return nil, membership.ErrNotLearner
		}
	}
	if err != nil {
		return nil, err
	}
	return membership.DecodeMembers(b)
}

// roster is what a member says of its cluster.
type roster struct {
	cluster uint64
	members []*membership.Member
	applied uint64 // the index up to which the member knew; 0: it did not say
	forgets bool   // it could forget a removal in a crash
}

// askMembers asks peers for the members and the id of their cluster. Of several answers it returns the one of whoever knew most: a
// member that lags may still name those that were removed.
func askMembers(ctx context.Context, client *http.Client, urls []string) (cluster uint64, members []*membership.Member, err error) {
	ctx, cancel := context.WithTimeout(ctx, askMax)
	defer cancel()
	type reply struct {
		roster
		err error
	}
	replies := make(chan reply, len(urls))
	for _, u := range urls {
		go func() {
			said, err := askRoster(ctx, client, u)
			if err != nil {
				err = fmt.Errorf("%s: %w", u, err)
			}
			replies <- reply{said, err}
		}()
	}
	failures := []error{membership.ErrUnreachable}
	var best *roster
	var enough <-chan time.Time
	for range urls {
		select {
		case r := <-replies:
			if r.err != nil {
				failures = append(failures, r.err)
				continue
			}
			if best == nil || r.applied > best.applied {
				best = &r.roster
			}
			if enough == nil {
				enough = time.After(askMore)
			}
		case <-enough:
			return best.cluster, best.members, nil
		}
	}
	if best == nil {
		return 0, nil, errors.Join(failures...)
	}
	return best.cluster, best.members, nil
}

// awaitRemoval asks a member who belongs to the cluster until it does not name removed any more and cannot forget that, as of index or
// later if it says how far it is; false: it did when ctx ended.
func (p *peers) awaitRemoval(ctx context.Context, m *membership.Member, removed, index uint64) bool {
	for ctx.Err() == nil {
		for _, u := range m.PeerURLs {
			if p.knowsRemoval(ctx, u, removed, index) {
				return true
			}
		}
		sleep(ctx, rosterPause)
	}
	return false
}

// knowsRemoval asks once.
func (p *peers) knowsRemoval(ctx context.Context, url string, removed, index uint64) bool {
	ctx, cancel := context.WithTimeout(ctx, rosterMax)
	defer cancel()
	said, err := askRoster(ctx, p.client, url)
	if err != nil || said.cluster != p.cluster.ID() || said.forgets || 0 < said.applied && said.applied < index {
		return false
	}
	return !slices.ContainsFunc(said.members, func(m *membership.Member) bool { return m.ID == removed })
}

const (
	// rosterPause is how long a member is left alone before it is asked again whether it knows of a removal.
	rosterPause = 10 * time.Millisecond

	// rosterMax is how long one of its URLs may take, of which another one may answer.
	rosterMax = removedStay / 8
)

const (
	// askMax is how long peers may take to say who they belong to.
	askMax = 5 * time.Second

	// askMore is how long the others may take once one has.
	askMore = time.Second
)

func askRoster(ctx context.Context, client *http.Client, url string) (said roster, err error) {
	b, header, err := call(ctx, client, http.MethodGet, url+membersPath, "", nil)
	if err != nil {
		return said, err
	}
	if said.members, err = membership.DecodeMembers(b); err != nil {
		return said, err
	}
	id, err := types.IDFromString(header.Get("X-Etcd-Cluster-ID"))
	if err != nil || len(said.members) == 0 {
		return said, errors.New("the answer names no cluster, or no members")
	}
	said.cluster = uint64(id)
	said.applied, _ = strconv.ParseUint(header.Get(appliedHeader), 10, 64) // etcd's members do not say
	said.forgets = header.Get(durableHeader) == strconv.FormatBool(false)
	return said, nil
}

// versions are what a member's /version says.
type versions struct {
	Server  string `json:"etcdserver"`
	Cluster string `json:"etcdcluster"`
	Storage string `json:"storage,omitempty"`
}

// version asks a member for its version.
func (p *peers) version(ctx context.Context, m *membership.Member) (v versions, err error) {
	err = membership.ErrUnreachable
	for _, u := range m.PeerURLs {
		var b []byte
		if b, _, err = call(ctx, p.client, http.MethodGet, u+"/version", "", nil); err == nil {
			return v, json.Unmarshal(b, &v)
		}
	}
	return v, err
}

// AskLeader posts a request to the leader's peer port, once; the path and its encoding are the caller's. It returns ErrNoLeader
// when there is none within ctx.
func (r *Replica) AskLeader(ctx context.Context, path string, body []byte) ([]byte, error) {
	leader, err := r.waitLeader(ctx)
	if err != nil {
		return nil, err
	}
	return r.peers.post(ctx, leader, path, "application/protobuf", body)
}

// PeerRefusal tells with which HTTP status a peer refused a request, 0 when err is none.
func PeerRefusal(err error) int {
	if refused := (*statusError)(nil); errors.As(err, &refused) {
		return refused.code
	}
	return 0
}
