package membership

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coreos/go-semver/semver"
	"go.etcd.io/etcd/client/pkg/v3/types"
)

// Cluster is one member's knowledge of its cluster.
type Cluster struct {
	id          uint64
	localID     uint64
	learnersMax int

	current atomic.Pointer[view]
}

// New makes a cluster without members; [Cluster.Load] or configuration changes fill it.
func New(clusterID, localID uint64, learnersMax int) *Cluster {
	c := &Cluster{id: clusterID, localID: localID, learnersMax: learnersMax}
	c.current.Store(&view{})
	return c
}

// Found computes a new cluster's id and first members, ascending by id, from what its operators wrote in
// --initial-cluster and --initial-cluster-token. Every founder computes the same.
func Found(initial types.URLsMap, token string) (id uint64, founders []*Member, err error) {
	v := &view{}
	for _, name := range sortedNames(initial) {
		m := NewMember(name, initial[name], token, time.Time{})
		if m.ID == 0 || v.find(m.ID) != nil {
			return 0, nil, fmt.Errorf("%w: member %q has the id of another", ErrIDExists, name)
		}
		v = v.with(m)
	}
	return clusterID(v.members), v.members, nil
}

// sortedNames are the names of a cluster's members in order.
func sortedNames(initial types.URLsMap) []string {
	names := make([]string, 0, len(initial))
	for name := range initial {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// ID is the cluster's id.
func (c *Cluster) ID() uint64 { return c.id }

// LocalID is this member's id.
func (c *Cluster) LocalID() uint64 { return c.localID }

// Members are all members, ascending by id.
func (c *Cluster) Members() []*Member { return c.current.Load().members }

// Member returns the member with id, or nil.
func (c *Cluster) Member(id uint64) *Member { return c.current.Load().find(id) }

// Voters are the members with a vote, ascending by id.
func (c *Cluster) Voters() []*Member {
	var voters []*Member
	for _, m := range c.Members() {
		if !m.IsLearner {
			voters = append(voters, m)
		}
	}
	return voters
}

// IsRemoved tells whether id belonged to a member that was removed.
func (c *Cluster) IsRemoved(id uint64) bool { return c.current.Load().removed[id] }

// IsLocalLearner tells whether this member has no vote yet.
func (c *Cluster) IsLocalLearner() bool {
	m := c.Member(c.localID)
	return m != nil && m.IsLearner
}

// PeerURLs are the peer URLs of all members, sorted.
func (c *Cluster) PeerURLs() []string {
	return c.urls(func(m *Member) []string { return m.PeerURLs })
}

// ClientURLs are the client URLs of all members, sorted.
func (c *Cluster) ClientURLs() []string {
	return c.urls(func(m *Member) []string { return m.ClientURLs })
}

func (c *Cluster) urls(of func(*Member) []string) []string {
	var urls []string
	for _, m := range c.Members() {
		urls = append(urls, of(m)...)
	}
	slices.Sort(urls)
	return urls
}

// Version is the version all members can speak; nil until the first leader decided it.
func (c *Cluster) Version() *semver.Version { return c.current.Load().version }

// Downgrade is the state of a downgrade that an operator asked for.
func (c *Cluster) Downgrade() Downgrade { return c.current.Load().downgrade }
