package raft

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOneMemberLeadsAtOnceAndKeepsItsEntries(t *testing.T) {
	c := newCluster(t, 1)
	m := c.leader()
	m.propose("a")
	m.propose("b")
	c.applied("b", 1)
	index, err := m.readIndex()
	require.NoError(t, err)
	require.Equal(t, m.node.Status().Commit, index)

	require.NoError(t, m.end())
	m.sm = &machine{cs: m.sm.cs} // the state is lost, the log is not
	m.start()
	c.applied("b", 1)
	require.Equal(t, []string{"a", "b"}, m.sm.list())
}

func TestThreeMembersAgree(t *testing.T) {
	c := newCluster(t, 3)
	c.leader()
	for id := range c.members {
		c.members[id].propose(string(rune('a' + id)))
	}
	for id := range c.members {
		c.applied(string(rune('a'+id)), 1, 2, 3)
	}
	require.Equal(t, c.members[1].sm.list(), c.members[2].sm.list())
	require.Equal(t, c.members[1].sm.list(), c.members[3].sm.list())
	for id := range c.members {
		_, err := c.members[id].readIndex()
		require.NoError(t, err)
	}
}
