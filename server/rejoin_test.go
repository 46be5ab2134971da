package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/client/pkg/v3/types"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/server/servertest"
)

// threeHasty is a cluster that lets its members be changed as soon as they are connected.
func threeHasty(t *testing.T) *servertest.Cluster {
	t.Helper()
	return servertest.Start(t, 3, servertest.WithConfig(func(cfg *config.Config) {
		shortLog(cfg)
		cfg.StrictReconfigCheck = false
	}))
}

// othersOf are all members but one.
func othersOf(c *servertest.Cluster, m *servertest.Member) (others []*servertest.Member) {
	for _, other := range c.Members {
		if other != m {
			others = append(others, other)
		}
	}
	return others
}

// peerURL is where other members reach one.
func peerURL(m *servertest.Member) string { return m.Config.AdvertisePeerURLs[0].String() }

// askRejoin asks a leader, until one answers, to take a member back, and returns the status.
func askRejoin(t *testing.T, c *servertest.Cluster, to, m *servertest.Member, again bool) (status int) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"peer_urls": []string{peerURL(m)}, "again": again})
	require.NoError(t, err)
	c.Eventually(func() bool {
		req, err := http.NewRequestWithContext(c.Context(), http.MethodPost, peerURL(to)+"/members/rejoin", bytes.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("X-Server-From", types.ID(m.ID).String())
		req.Header.Set("X-Etcd-Cluster-ID", types.ID(to.Server.Replica().Cluster().ID()).String())
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		status = resp.StatusCode
		return status != http.StatusServiceUnavailable || !strings.Contains(string(text), "connected")
	}, "the leader knows that the member is away")
	return status
}

// writeFile puts a file into a stopped member's data directory.
func writeFile(t *testing.T, m *servertest.Member, name string, content []byte) {
	t.Helper()
	f, err := m.FS.Create("/data/member/"+name, vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	_, err = f.Write(content)
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	require.NoError(t, f.Close())
}

// noteRejoining makes a stopped member one that was about to ask a leader to take it back.
func noteRejoining(t *testing.T, m *servertest.Member) {
	t.Helper()
	f, err := m.FS.Open("/data/member/addresses")
	require.NoError(t, err)
	book, err := io.ReadAll(f)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	book, _, _ = bytes.Cut(book, []byte("\n"))
	line := fmt.Appendf(nil, `{"old":%s,"peer_urls":[%q]}`, book, peerURL(m))
	writeFile(t, m, "rejoining", fmt.Appendf(line, "\n%08x\n", crc32.Checksum(line, crc32.MakeTable(crc32.Castagnoli))))
}

// An operator's removal stands, however often the member starts.
func TestRemovedMemberDoesNotRejoin(t *testing.T) {
	c := threeHasty(t)
	m := stopDamaged(t, c, damageLog)
	client := c.Client(c.Leader())
	_, err := client.MemberRemove(c.Context(), m.ID)
	require.NoError(t, err)
	for range 3 {
		require.ErrorIs(t, m.TryStart(), replica.ErrRemoved)
	}
	// Nor does it take the place of one that the operator added by hand.
	_, err = client.MemberAddAsLearner(c.Context(), []string{peerURL(m)})
	require.NoError(t, err)
	require.ErrorIs(t, m.TryStart(), replica.ErrRemoved)
	list, err := client.MemberList(c.Context())
	require.NoError(t, err)
	require.Len(t, list.Members, 3)
}

// A leader answers who could not tell what became of it later, and changes nothing.
func TestLeaderTakesNobodyBackUnasked(t *testing.T) {
	c := threeHasty(t)
	leader, m := c.Leader(), c.Follower()
	require.Equal(t, http.StatusServiceUnavailable, askRejoin(t, c, leader, leader, true), "not itself")
	m.Stop()
	require.Equal(t, http.StatusConflict, askRejoin(t, c, leader, m, false))
	require.NotNil(t, leader.Server.Replica().Cluster().Member(m.ID))
	require.Equal(t, http.StatusOK, askRejoin(t, c, leader, m, true))
	require.True(t, leader.Server.Replica().Cluster().IsRemoved(m.ID))
	require.Equal(t, http.StatusGone, askRejoin(t, c, leader, m, false))
	require.Equal(t, http.StatusOK, askRejoin(t, c, leader, m, true), "the answer may have been lost")
}

// A member that was about to rejoin and finds its log whole asks what became of it: it goes on as the one that it was, unless it was
// removed; then it comes back as the new one.
func TestRejoinWithAWholeLog(t *testing.T) {
	c := threeHasty(t)
	fill(t, c, c.Leader(), "k", 80)
	m, leader := c.Follower(), c.Leader()
	id := m.ID
	m.Stop()
	noteRejoining(t, m)
	startRepaired(t, c, m, leader, false)
	require.Equal(t, id, m.ID)
	_, err := m.FS.Stat("/data/member/rejoining")
	require.Error(t, err, "the note is gone")

	m.Stop()
	noteRejoining(t, m)
	leader = c.Leader()
	require.Equal(t, http.StatusOK, askRejoin(t, c, leader, m, true)) // the answer is lost
	startRepaired(t, c, m, leader, false)
	require.NotEqual(t, id, m.ID)
	c.Eventually(func() bool { return len(m.Server.Replica().Cluster().Voters()) == 3 }, "it votes again")
	requireEqualHashes(t, c)
}

// Without a leader a member that was about to rejoin goes on with a log that is whole: the others may need it to elect one.
func TestRejoinWithAWholeLogAndNoLeader(t *testing.T) {
	c := threeHasty(t)
	fill(t, c, c.Leader(), "k", 80)
	m := c.Follower()
	for _, each := range c.Members {
		each.Config.ElectionTimeout, each.Config.HeartbeatInterval = 300*time.Millisecond, 30*time.Millisecond
		each.Stop()
	}
	noteRejoining(t, m)
	id, other := m.ID, othersOf(c, m)[0]
	other.Start()
	m.Start()
	m.WaitReady()
	require.Equal(t, id, m.ID)
	c.Eventually(func() bool {
		_, err := m.FS.Stat("/data/member/rejoining")
		return err != nil
	}, "the note goes")
}

// A learner stays one, also if the answer that said so was lost.
func TestLearnerRejoinsAsALearner(t *testing.T) {
	c := threeHasty(t)
	fill(t, c, c.Leader(), "k", 80)
	m := c.Add(c.Client(c.Leader()), true)
	m.Stop()
	noteRejoining(t, m)
	leader := c.Leader()
	// The answer is lost. In the second in which it was added first it would get the same id.
	c.Eventually(func() bool { return askRejoin(t, c, leader, m, true) == http.StatusOK }, "the learner is taken back")
	damageLog(t, m)
	startRepaired(t, c, m, leader, false)
	for name := range sizes(t, m.FS, "/data/member/log", map[string]int64{}) {
		f, err := m.FS.Open(name)
		require.NoError(t, err)
		content, err := io.ReadAll(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		require.NotContains(t, string(content), "regain_vote", name)
	}
}

// A repair of the state that failed isn't tried again as soon as another member is there: a member that comes and goes is no help.
func TestFailedRepairDoesNotFlap(t *testing.T) {
	c := threeHasty(t)
	fill(t, c, c.Leader(), "k", 150)
	m := c.Add(c.Client(c.Leader()), false) // its log begins with a snapshot, so it needs the others
	m.Stop()
	others := othersOf(c, m)
	for _, other := range others {
		other.Stop()
	}
	writeFile(t, m, "damaged", []byte("state"))
	m.Start() // it goes on
	for _, other := range others {
		other.Start()
	}
	m.WaitReady()
	select {
	case err := <-m.Server.Err():
		require.NoError(t, err, "it ended")
	case <-time.After(1500 * time.Millisecond): // three looks at whether it could be repaired now
	}
	m.Stop()
	startRepaired(t, c, m, others[0], false)
	require.EqualValues(t, 1, repairs(t, m, "state"), "the next start repairs it")
}

// Who is to go on alone does so, though its state met damage.
func TestForceNewClusterOfADamagedMember(t *testing.T) {
	c := threeHasty(t)
	m := c.Follower()
	for _, each := range c.Members {
		each.Stop()
	}
	writeFile(t, m, "damaged", []byte("state"))
	m.Config.ForceNewCluster = true
	m.Restart()
	_, err := c.Client(m).Put(c.Context(), "k", "v", clientv3.WithPrevKV())
	require.NoError(t, err)
}
