package servertest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOneMemberKeepsItsDataOverCrashes(t *testing.T) {
	c := Start(t, 1)
	client := c.Client()
	for i := range 3 {
		_, err := client.Put(c.Context(), "key", string(rune('a'+i)))
		require.NoError(t, err)
		c.Members[0].Kill()
		c.Members[0].Restart()
		got, err := client.Get(c.Context(), "key")
		require.NoError(t, err)
		require.Equal(t, string(rune('a'+i)), string(got.Kvs[0].Value))
		require.EqualValues(t, i+1, got.Kvs[0].Version)
	}
}

func TestThreeMembersSurviveOne(t *testing.T) {
	c := Start(t, 3)
	client := c.Client()
	_, err := client.Put(c.Context(), "key", "before")
	require.NoError(t, err)
	old := c.Leader()
	old.Kill()
	require.NotEqual(t, old, c.Leader())
	_, err = client.Put(c.Context(), "key", "after")
	require.NoError(t, err)
	old.Restart()
	got, err := c.Client(old).Get(c.Context(), "key")
	require.NoError(t, err)
	require.Equal(t, "after", string(got.Kvs[0].Value))
}

func TestIsolatedMemberAnswersAfterHealing(t *testing.T) {
	c := Start(t, 3)
	leader, follower := c.Leader(), c.Follower()
	c.Network.Isolate(follower.position)
	_, err := c.Client(leader).Put(c.Context(), "key", "value")
	require.NoError(t, err)
	c.Network.Heal()
	got, err := c.Client(follower).Get(c.Context(), "key")
	require.NoError(t, err)
	require.Len(t, got.Kvs, 1)
	require.Equal(t, "value", string(got.Kvs[0].Value))
}
