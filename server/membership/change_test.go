package membership

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/petcd/petcd/storage"
)

// tables is the small tables of a store.
type tables map[storage.Table]map[string][]byte

func (s tables) SetRecord(t storage.Table, key, value []byte) error {
	if s[t] == nil {
		s[t] = map[string][]byte{}
	}
	s[t][string(key)] = value
	return nil
}

func (s tables) DeleteRecord(t storage.Table, key []byte) error {
	delete(s[t], string(key))
	return nil
}

func (s tables) Record(t storage.Table, key []byte) ([]byte, error) { return s[t][string(key)], nil }

func (s tables) Records(t storage.Table) (records []storage.Record, err error) {
	for k, v := range s[t] {
		records = append(records, storage.Record{Key: []byte(k), Value: v})
	}
	slices.SortFunc(records, func(a, b storage.Record) int { return slices.Compare(a.Key, b.Key) })
	return records, nil
}

func member(id uint64, url string, learner bool) *Member {
	return &Member{ID: id, RaftAttributes: RaftAttributes{PeerURLs: []string{url}, IsLearner: learner}}
}

// apply makes a change, and checks that the store tells the same of the cluster as the cluster does.
func apply(t *testing.T, c *Cluster, s tables, cc *raftpb.ConfChange, err error) error {
	t.Helper()
	require.NoError(t, err)
	e, err := c.Check(cc)
	if err != nil {
		return err
	}
	require.NoError(t, c.Make(s, e))
	loaded := New(c.ID(), c.LocalID(), 1)
	require.NoError(t, loaded.Load(s))
	require.Equal(t, c.Members(), loaded.Members())
	return nil
}

func TestChanges(t *testing.T) {
	c, s := New(1, 10, 1), tables{}
	add := func(m *Member) error {
		cc, err := AddChange(m)
		return apply(t, c, s, cc, err)
	}
	promote := func(id uint64) error {
		cc, err := PromoteChange(id)
		return apply(t, c, s, cc, err)
	}
	update := func(id uint64, url string) error {
		cc, err := UpdateChange(id, []string{url})
		return apply(t, c, s, cc, err)
	}
	remove := func(id uint64) error { return apply(t, c, s, RemoveChange(id), nil) }

	require.NoError(t, add(member(10, "http://x:1", false)))
	require.ErrorIs(t, add(member(10, "http://x:2", false)), ErrIDExists)
	require.ErrorIs(t, add(member(20, "http://x:1", false)), ErrPeerURLExists)
	require.NoError(t, add(member(20, "http://x:2", true)))
	require.False(t, c.CanAddLearner())
	require.Len(t, c.Voters(), 1)

	require.ErrorIs(t, promote(10), ErrNotLearner)
	require.ErrorIs(t, promote(30), ErrIDNotFound)
	require.ErrorIs(t, update(20, "http://x:1"), ErrPeerURLExists)
	require.NoError(t, update(20, "http://x:4"))
	require.True(t, c.Member(20).IsLearner, "an update must not promote")
	require.NoError(t, promote(20))
	require.Equal(t, []string{"http://x:4"}, c.Member(20).PeerURLs)
	require.Len(t, c.Voters(), 2)

	require.ErrorIs(t, remove(30), ErrIDNotFound)
	require.NoError(t, remove(20))
	require.True(t, c.IsRemoved(20))
	for _, err := range []error{add(member(20, "http://x:5", false)), promote(20), update(20, "http://x:6"), remove(20)} {
		require.ErrorIs(t, err, ErrIDRemoved)
	}
	loaded := New(1, 10, 1)
	require.NoError(t, loaded.Load(s))
	require.True(t, loaded.IsRemoved(20))
}

func TestMalformedChanges(t *testing.T) {
	c := New(1, 10, 1)
	id := uint64(5)
	for name, cc := range map[string]*raftpb.ConfChange{
		"no content":     {NodeId: &id},
		"no JSON":        {NodeId: &id, Context: []byte("{")},
		"another member": {NodeId: &id, Context: []byte(`{"id":6}`)},
		"unknown type":   {NodeId: &id, Type: raftpb.ConfChangeType(99).Enum()},
		"nothing at all": {},
	} {
		_, err := c.Check(cc)
		require.ErrorIs(t, err, ErrBadChange, name)
	}
}

func TestDamagedRecords(t *testing.T) {
	for name, s := range map[string]tables{
		"member":  {storage.TableMembers: {string(recordKey(1)): []byte("{")}},
		"key":     {storage.TableMembers: {"short": []byte(`{"id":1}`)}},
		"id":      {storage.TableMembers: {string(recordKey(1)): []byte(`{"id":2}`)}},
		"removed": {storage.TableRemovedMembers: {"short": {}}},
		"version": {storage.TableMeta: {string(metaVersion): []byte("x")}},
	} {
		require.ErrorIs(t, New(1, 1, 1).Load(s), ErrCorrupt, name)
	}
}

func TestQuorumChecks(t *testing.T) {
	started := func(n, of int) *Cluster {
		c, s := New(1, 1, 1), tables{}
		for i := range of {
			m := member(uint64(i+1), "http://x:"+string(rune('a'+i)), false)
			if i < n {
				m.Name = "started"
			}
			require.NoError(t, c.Make(s, Effect{Added, m}))
		}
		return c
	}
	require.True(t, started(1, 1).CanAddVoter())
	require.True(t, started(2, 2).CanAddVoter())
	require.False(t, started(1, 2).CanAddVoter())
	require.True(t, started(3, 3).CanAddVoter())
	require.False(t, started(2, 4).CanAddVoter())

	require.True(t, started(1, 2).CanRemoveVoter(2))
	require.False(t, started(1, 2).CanRemoveVoter(1))
	require.True(t, started(2, 3).CanRemoveVoter(3))
	require.False(t, started(2, 3).CanRemoveVoter(1))

	require.True(t, started(1, 2).CanPromote())
	require.False(t, started(1, 3).CanPromote())
}

func TestAttributesAndVersion(t *testing.T) {
	c, s := New(1, 10, 1), tables{}
	require.NoError(t, c.Make(s, Effect{Added, member(10, "http://x:1", false)}))
	require.NoError(t, c.SetAttributes(s, 10, Attributes{Name: "a", ClientURLs: []string{"http://c:1"}}))
	require.NoError(t, c.SetAttributes(s, 11, Attributes{Name: "late"}), "of a member that is gone")
	require.NoError(t, c.SetVersion(s, "3.7.0"))
	require.ErrorIs(t, c.SetVersion(s, "x"), ErrBadVersion)
	require.NoError(t, c.SetDowngrade(s, Downgrade{Enabled: true, TargetVersion: "3.6.0"}))
	require.NoError(t, c.RecordID(s))

	loaded := New(1, 10, 1)
	require.NoError(t, loaded.Load(s))
	require.Equal(t, "a", loaded.Member(10).Name)
	require.Equal(t, []string{"http://c:1"}, loaded.ClientURLs())
	require.Nil(t, loaded.Member(11))
	require.Equal(t, "3.7.0", loaded.Version().String())
	require.Equal(t, Downgrade{Enabled: true, TargetVersion: "3.6.0"}, loaded.Downgrade())
	id, err := StoredID(s)
	require.NoError(t, err)
	require.EqualValues(t, 1, id)
}
