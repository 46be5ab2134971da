package membership

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/client/pkg/v3/types"
)

func urlsMap(t *testing.T, text string) types.URLsMap {
	m, err := types.NewURLsMap(text)
	require.NoError(t, err)
	return m
}

// The ids that every etcd prints for its default configuration, and for the three members of its own Procfile.
func TestIDsAreEtcds(t *testing.T) {
	for _, tc := range []struct {
		initial, token string
		cluster        uint64
		members        []uint64
	}{
		{"default=http://localhost:2380", "etcd-cluster", 0xcdf818194e3a8c32, []uint64{0x8e9e05c52164694d}},
		{
			"infra1=http://127.0.0.1:12380,infra2=http://127.0.0.1:22380,infra3=http://127.0.0.1:32380", "etcd-cluster-1",
			0xef37ad9dc622a7c4, []uint64{0x8211f1d0f64f3269, 0x91bc3c398fb3c146, 0xfd422379fda50e48},
		},
	} {
		cluster, founders, err := Found(urlsMap(t, tc.initial), tc.token)
		require.NoError(t, err)
		require.Equal(t, tc.cluster, cluster, "%x", cluster)
		var ids []uint64
		for _, m := range founders {
			ids = append(ids, m.ID)
		}
		require.Equal(t, tc.members, ids, "%x", ids)
	}
}

func TestMemberIDDependsOnTheTimeOfAddition(t *testing.T) {
	urls := types.MustNewURLs([]string{"http://127.0.0.1:1", "http://127.0.0.1:2"})
	reversed := types.MustNewURLs([]string{"http://127.0.0.1:2", "http://127.0.0.1:1"})
	at := time.Unix(1700000000, 0)
	require.Equal(t, NewMember("", urls, "", at).ID, NewMember("x", reversed, "", at).ID)
	require.NotEqual(t, NewMember("", urls, "", at).ID, NewMember("", urls, "", at.Add(time.Second)).ID)
	require.NotEqual(t, NewMember("", urls, "", at).ID, NewMember("", urls, "", time.Time{}).ID)
}

func TestFoundRefusesTwins(t *testing.T) {
	_, _, err := Found(urlsMap(t, "a=http://127.0.0.1:1,b=http://127.0.0.1:1"), "t")
	require.ErrorIs(t, err, ErrIDExists)
}

func TestMemberJSONIsEtcds(t *testing.T) {
	m := &Member{ID: 0x8e9e05c52164694d, RaftAttributes: RaftAttributes{PeerURLs: []string{"http://localhost:2380"}}}
	b, err := json.Marshal(m)
	require.NoError(t, err)
	require.JSONEq(t, `{"id":10276657743932975437,"peerURLs":["http://localhost:2380"]}`, string(b))
	cc, err := PromoteChange(5)
	require.NoError(t, err)
	require.JSONEq(t, `{"id":5,"peerURLs":null,"isPromote":true}`, string(cc.Context))
}

func TestMatch(t *testing.T) {
	member := func(id uint64, name string, urls ...string) *Member {
		return &Member{ID: id, RaftAttributes: RaftAttributes{PeerURLs: urls}, Attributes: Attributes{Name: name}}
	}
	local := []*Member{member(1, "a", "http://x:1"), member(2, "b", "http://x:2", "http://x:3")}
	found, err := Match(local, []*Member{member(20, "", "http://x:3", "http://x:2"), member(10, "a", "http://x:1")})
	require.NoError(t, err)
	require.Equal(t, map[uint64]uint64{1: 10, 2: 20}, found)
	_, err = Match(local, []*Member{member(10, "a", "http://x:1")})
	require.ErrorIs(t, err, ErrMismatch)
	_, err = Match(local, []*Member{member(10, "a", "http://x:1"), member(20, "b", "http://x:4")})
	require.ErrorIs(t, err, ErrMismatch)
}
