package membership

import (
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
)

// RaftAttributes are the parts of a member that consensus needs. Only configuration changes alter them.
type RaftAttributes struct {
	PeerURLs  []string `json:"peerURLs"`
	IsLearner bool     `json:"isLearner,omitempty"`
}

// Attributes are what a member publishes about itself once it runs. A member without a name has never started.
type Attributes struct {
	Name       string   `json:"name,omitempty"`
	ClientURLs []string `json:"clientURLs,omitempty"`
}

// Member is one member of a cluster. Its JSON is etcd's, in log entries and on the peer port; there the id is a number.
type Member struct {
	ID uint64 `json:"id"`
	RaftAttributes
	Attributes
}

// NewMember makes a member with the id etcd would give it. The cluster's token goes into the ids of a new cluster's first
// members; the time of a later member's addition goes into its own, so that one that was removed and added again is
// another member. A zero time is left out.
func NewMember(name string, peerURLs types.URLs, token string, added time.Time) *Member {
	urls := peerURLs.StringSlice()
	return &Member{
		ID:             memberID(urls, token, added),
		RaftAttributes: RaftAttributes{PeerURLs: urls},
		Attributes:     Attributes{Name: name},
	}
}

// memberID is the first eight bytes of the SHA-1 of the sorted peer URLs, the token and the Unix time.
func memberID(urls []string, token string, added time.Time) uint64 {
	urls = slices.Clone(urls)
	slices.Sort(urls)
	text := strings.Join(urls, "") + token
	if !added.IsZero() {
		text += fmt.Sprintf("%d", added.Unix())
	}
	sum := sha1.Sum([]byte(text))
	return binary.BigEndian.Uint64(sum[:])
}

// clusterID is the first eight bytes of the SHA-1 of the founding members' ids in ascending order.
func clusterID(founders []*Member) uint64 {
	var b []byte
	for _, m := range founders {
		b = binary.BigEndian.AppendUint64(b, m.ID)
	}
	sum := sha1.Sum(b)
	return binary.BigEndian.Uint64(sum[:])
}

// IsStarted tells whether the member ever published its attributes.
func (m *Member) IsStarted() bool { return m.Name != "" }

// Clone returns a deep copy.
func (m *Member) Clone() *Member {
	c := *m
	c.PeerURLs = slices.Clone(m.PeerURLs)
	c.ClientURLs = slices.Clone(m.ClientURLs)
	return &c
}

// IDString is an id as etcd prints it: hexadecimal without leading zeros.
func IDString(id uint64) string { return types.ID(id).String() }
