package conformance

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
)

// v2Self is what a member tells of itself.
type v2Self struct {
	Name, ID, State string
	StartTime       time.Time
	LeaderInfo      struct {
		Leader, Uptime string
		StartTime      time.Time
	}
	RecvAppendRequestCnt, SendAppendRequestCnt uint64
}

// v2SelfOf asks a member about itself.
func v2SelfOf(t *testing.T, e *env, m *process.Member) (v v2Self) {
	t.Helper()
	_, body, _ := v2Ask(e.ctx, t, m, http.MethodGet, "/v2/stats/self", nil)
	require.NoError(t, json.Unmarshal([]byte(body), &v), body)
	return v
}

// v2Roles waits until there is a leader that all members know.
func v2Roles(t *testing.T, e *env) (leader *process.Member, followers []*process.Member) {
	t.Helper()
	e.until(t, "a leader that all know", func() bool {
		leader, followers = nil, nil
		for _, m := range e.cluster.Members() {
			if v2SelfOf(t, e, m).State == "StateLeader" {
				leader = m
			} else {
				followers = append(followers, m)
			}
		}
		return leader != nil && len(followers) == 2
	})
	return leader, followers
}

// v2ThreeStatsCases: what members tell of themselves and, the leader, of its followers.
func v2ThreeStatsCases(s *suite) {
	s.run("self", func(t *testing.T, e *env) {
		leader, followers := v2Roles(t, e)
		v2Ask(e.ctx, t, leader, http.MethodPut, "/v2/keys/self", v2Value("1"))
		l := v2SelfOf(t, e, leader)
		require.Equal(t, leader.Name, l.Name)
		require.Equal(t, l.ID, l.LeaderInfo.Leader)
		require.NotZero(t, l.SendAppendRequestCnt)
		for _, m := range followers {
			f := v2SelfOf(t, e, m)
			require.Equal(t, "StateFollower", f.State)
			require.Equal(t, l.ID, f.LeaderInfo.Leader)
			require.NotZero(t, f.RecvAppendRequestCnt)
			up, err := time.ParseDuration(f.LeaderInfo.Uptime)
			require.NoError(t, err)
			require.Positive(t, up)
			require.False(t, f.StartTime.After(time.Now()))
		}
	})
	s.run("rates_while_there_is_traffic", func(t *testing.T, e *env) {
		leader, followers := v2Roles(t, e)
		e.until(t, "a rate of appends on both ends", func() bool {
			for range 5 {
				v2Ask(e.ctx, t, leader, http.MethodPut, "/v2/keys/rate", v2Value("1"))
			}
			_, sent, _ := v2Ask(e.ctx, t, leader, http.MethodGet, "/v2/stats/self", nil)
			_, got, _ := v2Ask(e.ctx, t, followers[0], http.MethodGet, "/v2/stats/self", nil)
			return strings.Contains(sent, `"sendPkgRate":`) && strings.Contains(sent, `"sendBandwidthRate":`) &&
				strings.Contains(got, `"recvPkgRate":`) && strings.Contains(got, `"recvBandwidthRate":`)
		})
	})
	s.run("leader_stats_on_a_follower", func(t *testing.T, e *env) {
		_, followers := v2Roles(t, e)
		code, body, h := v2Ask(e.ctx, t, followers[0], http.MethodGet, "/v2/stats/leader", nil)
		require.Equal(t, http.StatusForbidden, code)
		require.Equal(t, `{"message":"not current leader"}`, body)
		require.Equal(t, "application/json", h.Get("Content-Type"))
	})
	s.run("leader_stats", func(t *testing.T, e *env) {
		leader, followers := v2Roles(t, e)
		v2Ask(e.ctx, t, leader, http.MethodPut, "/v2/keys/stats", v2Value("1"))
		type number = float64
		type follower struct {
			Latency struct{ Current, Average, StandardDeviation, Minimum, Maximum number }
			Counts  struct{ Fail, Success uint64 }
		}
		var stats struct {
			Leader    string
			Followers map[string]follower
		}
		_, body, _ := v2Ask(e.ctx, t, leader, http.MethodGet, "/v2/stats/leader", nil)
		require.NoError(t, json.Unmarshal([]byte(body), &stats), body)
		require.Equal(t, v2SelfOf(t, e, leader).ID, stats.Leader)
		require.Len(t, stats.Followers, 2)
		for _, m := range followers {
			f, found := stats.Followers[v2SelfOf(t, e, m).ID]
			require.True(t, found, body)
			require.NotZero(t, f.Counts.Success)
			l := f.Latency
			require.True(t, 0 < l.Minimum && l.Minimum <= l.Average && l.Average <= l.Maximum, "%+v", l)
			require.True(t, l.Minimum <= l.Current && l.Current <= l.Maximum, "%+v", l)
		}
		for _, name := range []string{`"latency":{"current":`, `"average":`, `"standardDeviation":`, `"minimum":`, `"maximum":`, `"counts":{"fail":`, `"success":`} {
			require.Contains(t, body, name)
		}
	})
}
