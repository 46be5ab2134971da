package membership

import (
	"cmp"
	"maps"
	"slices"

	"github.com/coreos/go-semver/semver"
)

// view is the cluster at one moment. It is never modified once published.
type view struct {
	members   []*Member // ascending by id
	removed   map[uint64]bool
	version   *semver.Version
	downgrade Downgrade
}

// Downgrade tells whether an operator asked for a lower cluster version, and for which.
type Downgrade struct {
	TargetVersion string `json:"target-version"`
	Enabled       bool   `json:"enabled"`
}

// find returns the member with id, or nil.
func (v *view) find(id uint64) *Member {
	i, ok := v.search(id)
	if !ok {
		return nil
	}
	return v.members[i]
}

// search is the position of id among the members, or the one where it belongs.
func (v *view) search(id uint64) (int, bool) {
	return slices.BinarySearchFunc(v.members, id, func(m *Member, id uint64) int { return cmp.Compare(m.ID, id) })
}

// with returns a view in which m replaces the member of its id, or joins the others.
func (v *view) with(m *Member) *view {
	n := *v
	i, ok := v.search(m.ID)
	n.members = slices.Clone(v.members)
	if ok {
		n.members[i] = m
	} else {
		n.members = slices.Insert(n.members, i, m)
	}
	return &n
}

// without returns a view in which id is not a member and never will be.
func (v *view) without(id uint64) *view {
	n := *v
	if i, ok := v.search(id); ok {
		n.members = slices.Delete(slices.Clone(v.members), i, i+1)
	}
	n.removed = maps.Clone(v.removed)
	if n.removed == nil {
		n.removed = map[uint64]bool{}
	}
	n.removed[id] = true
	return &n
}

// peerURLTaken tells whether a member other than id has one of urls.
func (v *view) peerURLTaken(id uint64, urls []string) bool {
	for _, m := range v.members {
		if m.ID == id {
			continue
		}
		for _, u := range m.PeerURLs {
			if slices.Contains(urls, u) {
				return true
			}
		}
	}
	return false
}
