package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
)

// v2Ask sends a request for a key to one member.
func v2Ask(ctx context.Context, t *testing.T, m *process.Member, method, path string, form url.Values) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, m.ClientURL+path, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := v2Client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body), resp.Header
}

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

// v2ThreeCases: API 2 on three members.
func v2ThreeCases(s *suite) {
	value := func(v string) url.Values { return url.Values{"value": {v}} }
	self := func(t *testing.T, e *env, m *process.Member) (v v2Self) {
		t.Helper()
		_, body, _ := v2Ask(e.ctx, t, m, http.MethodGet, "/v2/stats/self", nil)
		require.NoError(t, json.Unmarshal([]byte(body), &v), body)
		return v
	}
	roles := func(t *testing.T, e *env) (leader *process.Member, followers []*process.Member) {
		t.Helper()
		e.until(t, "a leader that all know", func() bool {
			leader, followers = nil, nil
			for _, m := range e.cluster.Members() {
				if self(t, e, m).State == "StateLeader" {
					leader = m
				} else {
					followers = append(followers, m)
				}
			}
			return leader != nil && len(followers) == 2
		})
		return leader, followers
	}
	s.run("write_through_any_member", func(t *testing.T, e *env) {
		for i, m := range e.cluster.Members() {
			code, body, h := v2Ask(e.ctx, t, m, http.MethodPut, "/v2/keys/any/"+m.Name, value("1"))
			require.Equal(t, http.StatusCreated, code, "member %d: %s", i, body)
			require.Empty(t, h.Get("Location"), "nobody is sent elsewhere")
		}
	})
	s.run("linearizable_read_sees_what_was_acknowledged", func(t *testing.T, e *env) {
		for round := range 10 {
			writer := e.cluster.Member(round % 3)
			want := string(rune('a' + round))
			code, body, _ := v2Ask(e.ctx, t, writer, http.MethodPut, "/v2/keys/q", value(want))
			require.Less(t, code, 300, body)
			for _, m := range e.cluster.Members() {
				_, body, _ := v2Ask(e.ctx, t, m, http.MethodGet, "/v2/keys/q?quorum=true", nil)
				require.Contains(t, body, `"value":"`+want+`"`)
			}
		}
	})
	s.run("own_write_is_read", func(t *testing.T, e *env) {
		for _, m := range e.cluster.Members() {
			v2Ask(e.ctx, t, m, http.MethodPut, "/v2/keys/own", value(m.Name))
			_, body, _ := v2Ask(e.ctx, t, m, http.MethodGet, "/v2/keys/own", nil)
			require.Contains(t, body, `"value":"`+m.Name+`"`)
		}
	})
	s.run("compare_and_swap_counts_every_step", func(t *testing.T, e *env) {
		v2Ask(e.ctx, t, e.cluster.Member(0), http.MethodPut, "/v2/keys/n", value("0"))
		won := 0
		for i := range 9 {
			m := e.cluster.Member(i % 3)
			form := url.Values{"value": {string(rune('1' + i))}, "prevValue": {string(rune('0' + i))}}
			code, body, _ := v2Ask(e.ctx, t, m, http.MethodPut, "/v2/keys/n", form)
			require.Equal(t, http.StatusOK, code, body)
			won++
		}
		require.Equal(t, 9, won)
	})
	s.run("same_indexes_everywhere", func(t *testing.T, e *env) {
		_, want, _ := v2Ask(e.ctx, t, e.cluster.Member(0), http.MethodPut, "/v2/keys/same", value("1"))
		want = want[strings.Index(want, `"node"`):]
		for _, m := range e.cluster.Members() {
			_, got, _ := v2Ask(e.ctx, t, m, http.MethodGet, "/v2/keys/same?quorum=true", nil)
			require.Equal(t, want, got[strings.Index(got, `"node"`):])
		}
	})
	s.run("watch_on_each_member", func(t *testing.T, e *env) {
		type reader struct{ body io.ReadCloser }
		var readers []reader
		for _, m := range e.cluster.Members() {
			req, err := http.NewRequestWithContext(e.ctx, http.MethodGet, m.ClientURL+"/v2/keys/w?wait=true", nil)
			require.NoError(t, err)
			resp, err := v2Client.Do(req)
			require.NoError(t, err)
			readers = append(readers, reader{resp.Body})
		}
		v2Ask(e.ctx, t, e.cluster.Member(1), http.MethodPut, "/v2/keys/w", value("1"))
		var seen []string
		for _, r := range readers {
			body, err := io.ReadAll(r.body)
			require.NoError(t, err)
			require.NoError(t, r.body.Close())
			seen = append(seen, string(body))
		}
		require.Contains(t, seen[0], `"value":"1"`)
		require.Equal(t, seen[0], seen[1])
		require.Equal(t, seen[0], seen[2])
	})
	s.run("expiry_at_the_same_index", func(t *testing.T, e *env) {
		_, body, h := v2Ask(e.ctx, t, e.cluster.Member(0), http.MethodPut, "/v2/keys/t", url.Values{"value": {"1"}, "ttl": {"1"}})
		set, err := strconv.Atoi(h.Get("X-Etcd-Index"))
		require.NoError(t, err, body)
		var seen []string
		for _, m := range e.cluster.Members() {
			_, body, _ := v2Ask(e.ctx, t, m, http.MethodGet, fmt.Sprintf("/v2/keys/t?wait=true&waitIndex=%d", set+1), nil)
			seen = append(seen, body)
		}
		require.Contains(t, seen[0], `"action":"expire"`)
		require.Equal(t, seen[0], seen[1])
		require.Equal(t, seen[0], seen[2])
	})
	s.run("self", func(t *testing.T, e *env) {
		leader, followers := roles(t, e)
		v2Ask(e.ctx, t, leader, http.MethodPut, "/v2/keys/self", value("1"))
		l := self(t, e, leader)
		require.Equal(t, leader.Name, l.Name)
		require.Equal(t, l.ID, l.LeaderInfo.Leader)
		require.NotZero(t, l.SendAppendRequestCnt)
		for _, m := range followers {
			f := self(t, e, m)
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
		leader, followers := roles(t, e)
		e.until(t, "a rate of appends on both ends", func() bool {
			for range 5 {
				v2Ask(e.ctx, t, leader, http.MethodPut, "/v2/keys/rate", value("1"))
			}
			_, sent, _ := v2Ask(e.ctx, t, leader, http.MethodGet, "/v2/stats/self", nil)
			_, got, _ := v2Ask(e.ctx, t, followers[0], http.MethodGet, "/v2/stats/self", nil)
			return strings.Contains(sent, `"sendPkgRate":`) && strings.Contains(sent, `"sendBandwidthRate":`) &&
				strings.Contains(got, `"recvPkgRate":`) && strings.Contains(got, `"recvBandwidthRate":`)
		})
	})
	s.run("leader_stats_on_a_follower", func(t *testing.T, e *env) {
		_, followers := roles(t, e)
		code, body, h := v2Ask(e.ctx, t, followers[0], http.MethodGet, "/v2/stats/leader", nil)
		require.Equal(t, http.StatusForbidden, code)
		require.Equal(t, `{"message":"not current leader"}`, body)
		require.Equal(t, "application/json", h.Get("Content-Type"))
	})
	s.run("leader_stats", func(t *testing.T, e *env) {
		leader, followers := roles(t, e)
		v2Ask(e.ctx, t, leader, http.MethodPut, "/v2/keys/stats", value("1"))
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
		require.Equal(t, self(t, e, leader).ID, stats.Leader)
		require.Len(t, stats.Followers, 2)
		for _, m := range followers {
			f, found := stats.Followers[self(t, e, m).ID]
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
	s.run("without_a_quorum", func(t *testing.T, e *env) {
		survivor := e.cluster.Member(0)
		v2Ask(e.ctx, t, survivor, http.MethodPut, "/v2/keys/there", value("1"))
		require.NoError(t, e.cluster.Member(1).Kill())
		require.NoError(t, e.cluster.Member(2).Kill())
		code, body, _ := v2Ask(e.ctx, t, survivor, http.MethodGet, "/v2/keys/there", nil)
		require.Equal(t, http.StatusOK, code, "a read of its own: %s", body)

		read := make(chan string, 1)
		go func() {
			code, body, _ := v2Ask(e.ctx, t, survivor, http.MethodGet, "/v2/keys/there?quorum=true", nil)
			read <- fmt.Sprint(code, " ", body)
		}()
		code, body, h := v2Ask(e.ctx, t, survivor, http.MethodPut, "/v2/keys/there", value("2"))
		require.Equal(t, http.StatusInternalServerError, code)
		require.Regexp(t, `^\{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out[^"]*","index":0\}\n$`, body)
		require.Equal(t, "0", h.Get("X-Etcd-Index"))
		require.Contains(t, <-read, `500 {"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out`)
		e.until(t, "the member to notice", func() bool {
			code, _, _ := v2Ask(e.ctx, t, survivor, http.MethodGet, "/v2/members/leader", nil)
			return code == http.StatusServiceUnavailable
		})
		_, body, _ = v2Ask(e.ctx, t, survivor, http.MethodGet, "/v2/members/leader", nil)
		require.Equal(t, `{"message":"During election"}`, body)
	})
}
