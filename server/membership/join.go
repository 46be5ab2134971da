package membership

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/petcd/petcd/storage"
)

// Match finds, for each member of a joining member's --initial-cluster, the running cluster's member with the same peer
// URLs: local id to running id. Both must name the same members, so that a mistyped flag is found before it matters.
func Match(local, running []*Member) (map[uint64]uint64, error) {
	if len(local) != len(running) {
		return nil, fmt.Errorf("%w: member count is unequal (%d configured, %d running)", ErrMismatch, len(local), len(running))
	}
	found := make(map[uint64]uint64, len(local))
	for _, l := range local {
		i := slices.IndexFunc(running, func(m *Member) bool { return sameURLs(m.PeerURLs, l.PeerURLs) })
		if i < 0 {
			return nil, fmt.Errorf("%w: no running member has the peer URLs %v of %q", ErrMismatch, l.PeerURLs, l.Name)
		}
		found[l.ID] = running[i].ID
	}
	return found, nil
}

// WithPeerURLs is the member with these peer URLs, in any order; nil when there is none.
func WithPeerURLs(ms []*Member, urls []string) *Member {
	i := slices.IndexFunc(ms, func(m *Member) bool { return sameURLs(m.PeerURLs, urls) })
	if i < 0 {
		return nil
	}
	return ms[i]
}

func sameURLs(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// DecodeMembers reads a list of members as a peer sends it. In JSON one of them may be null, which is refused.
func DecodeMembers(b []byte) ([]*Member, error) {
	var ms []*Member
	if err := json.Unmarshal(b, &ms); err != nil {
		return nil, fmt.Errorf("membership: decode members: %w", err)
	}
	if slices.Contains(ms, nil) {
		return nil, fmt.Errorf("%w: a list of members has one that is null", ErrCorrupt)
	}
	return ms, nil
}

// Discard is a Writer that keeps nothing, to follow changes without making them.
var Discard Writer = discard{}

type discard struct{}

func (discard) SetRecord(storage.Table, []byte, []byte) error { return nil }
func (discard) DeleteRecord(storage.Table, []byte) error      { return nil }
