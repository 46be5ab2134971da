package v2http

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/petcd/petcd/raft/transport"
	"github.com/petcd/petcd/server/membership"
)

// serveStats answers with one kind of statistics.
func (h *Handler) serveStats(w http.ResponseWriter, r *http.Request, kind string) {
	var show func() any
	switch kind {
	case "store":
		show = func() any { return h.member.Stats() }
	case "self":
		show = h.selfStats
	case "leader":
		show = h.leaderStats
	default:
		http.NotFound(w, r)
		return
	}
	if !allow(w, r, "GET") {
		return
	}
	stats := show()
	if stats == nil {
		writeMessage(w, http.StatusForbidden, "not current leader")
		return
	}
	data, err := json.Marshal(stats)
	if err != nil {
		h.logger.Warn("failed to encode statistics", "kind", kind, "error", err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(data) // a client that left gets no answer
}

// selfStats is what this member tells of itself. Its fields are etcd's, in etcd's order.
type selfStats struct {
	Name       string     `json:"name"`
	ID         string     `json:"id"`
	State      string     `json:"state"`
	StartTime  time.Time  `json:"startTime"`
	LeaderInfo leaderInfo `json:"leaderInfo"`

	ReceivedAppends  uint64  `json:"recvAppendRequestCnt"`
	ReceivedRate     float64 `json:"recvPkgRate,omitempty"`
	ReceivedByteRate float64 `json:"recvBandwidthRate,omitempty"`
	SentAppends      uint64  `json:"sendAppendRequestCnt"`
	SentRate         float64 `json:"sendPkgRate,omitempty"`
	SentByteRate     float64 `json:"sendBandwidthRate,omitempty"`
}

// leaderInfo is who leads, and since when as far as this member knows.
type leaderInfo struct {
	Leader    string    `json:"leader"`
	Uptime    string    `json:"uptime"`
	StartTime time.Time `json:"startTime"`
}

// selfStats gathers what this member tells of itself.
func (h *Handler) selfStats() any {
	s, traffic, since := h.member.Status(), h.member.Traffic(), h.member.LeaderSince()
	if since.IsZero() {
		since = h.started
	}
	self := selfStats{
		ID: membership.IDString(s.MemberID), State: "StateFollower", StartTime: h.started,
		LeaderInfo:      leaderInfo{Uptime: time.Since(since).String(), StartTime: since},
		ReceivedAppends: traffic.Received.Count, ReceivedRate: traffic.Received.PerSecond, ReceivedByteRate: traffic.Received.BytesPerSecond,
		SentAppends: traffic.Sent.Count, SentRate: traffic.Sent.PerSecond, SentByteRate: traffic.Sent.BytesPerSecond,
	}
	if s.IsLeader {
		self.State = "StateLeader"
	}
	if s.Leader != 0 {
		self.LeaderInfo.Leader = membership.IDString(s.Leader)
	}
	if m := h.member.Cluster().Member(s.MemberID); m != nil {
		self.Name = m.Name
	}
	return self
}

// leaderStats is what a leader tells of its followers.
type leaderStats struct {
	Leader    string              `json:"leader"`
	Followers map[string]follower `json:"followers"`
}

// follower is how sending to one of them goes.
type follower struct {
	Latency latency `json:"latency"`
	Counts  counts  `json:"counts"`
}

// latency is in milliseconds.
type latency struct {
	Current           float64 `json:"current"`
	Average           float64 `json:"average"`
	StandardDeviation float64 `json:"standardDeviation"`
	Minimum           float64 `json:"minimum"`
	Maximum           float64 `json:"maximum"`
}

// counts are the appends that left and those that did not.
type counts struct {
	Fail    uint64 `json:"fail"`
	Success uint64 `json:"success"`
}

// leaderStats gathers what a leader tells of its followers; nil on any other member.
func (h *Handler) leaderStats() any {
	s := h.member.Status()
	if !s.IsLeader {
		return nil
	}
	stats := leaderStats{Leader: membership.IDString(s.MemberID), Followers: map[string]follower{}}
	for id, f := range h.member.Traffic().Followers {
		stats.Followers[membership.IDString(id)] = followerOf(f)
	}
	return stats
}

// followerOf is what the transport knows of a peer, as it is shown.
func followerOf(f transport.FollowerStats) follower {
	return follower{
		Latency: latency{f.Current, f.Average, f.StandardDeviation, f.Minimum, f.Maximum},
		Counts:  counts{Fail: f.Fail, Success: f.Success},
	}
}
