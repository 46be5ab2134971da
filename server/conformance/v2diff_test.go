package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
)

// newV2Differential starts a fresh server of each target.
func newV2Differential(t *testing.T, a, b string) *v2Differential {
	t.Helper()
	d := &v2Differential{patience: settleTimeout, search: shrinkTimeout}
	for i, name := range []string{a, b} {
		srv := startServer(t, findTarget(t, name), 1, "--enable-v2")
		require.Eventually(t, func() bool { return versionSettled(t.Context(), srv) }, startTimeout, 20*time.Millisecond,
			"the cluster's version is part of etcd's tree")
		d.sides[i] = newV2Side(name, srv.cluster.Member(0).ClientURL)
	}
	return d
}

// versionSettled tells whether the cluster has agreed on its version.
func versionSettled(ctx context.Context, srv *server) bool {
	_, body, err := srv.cluster.Member(0).Get(ctx, "/version")
	var v struct{ EtcdServer, EtcdCluster string }
	if err != nil || json.Unmarshal([]byte(body), &v) != nil {
		return false
	}
	minor := v.EtcdServer[:strings.LastIndex(strings.SplitN(v.EtcdServer+"-", "-", 2)[0], ".")+1]
	return strings.HasPrefix(v.EtcdCluster, strings.Join(strings.Split(minor, ".")[:2], "."))
}

// v2DiffOps is PETCD_V2_DIFF_OPS.
func v2DiffOps(t *testing.T, otherwise int) int {
	t.Helper()
	text := os.Getenv("PETCD_V2_DIFF_OPS")
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// runV2 does n operations and says what they were.
func (d *v2Differential) runV2(t *testing.T, seed uint64, n int) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n)*50*time.Millisecond+2*startTimeout)
	defer cancel()
	err := d.run(ctx, seed, n)
	t.Logf("%s and %s: %d operations, index %d, %d events, %d keys expired, errors by code %v", d.sides[0].name, d.sides[1].name,
		n, d.gen.index, d.told, d.expired, d.codes)
	return err
}

// TestV2Differential compares petcd's API 2 with etcd 3.4.23's: 2,000 operations, or PETCD_V2_DIFF_OPS.
func TestV2Differential(t *testing.T) {
	t.Parallel() // they wait for disks more than they work
	seed := diffSeed(t)
	require.NoError(t, newV2Differential(t, process.Etcd34, process.Petcd).runV2(t, seed, v2DiffOps(t, 2000)))
}

// TestV2DifferentialOfPeers proves that the comparison asks for nothing that depends on timing: two servers of one release
// agree on it.
func TestV2DifferentialOfPeers(t *testing.T) {
	t.Parallel() // they wait for disks more than they work
	if os.Getenv("PETCD_CONFORMANCE") == process.Petcd {
		t.Skip("PETCD_CONFORMANCE leaves the peers out")
	}
	require.NoError(t, newV2Differential(t, process.Etcd34, process.Etcd34).runV2(t, diffSeed(t), v2DiffOps(t, 600)))
}

// TestV2DifferentialNoticesDifferences plants one difference of each kind between two servers of one release.
func TestV2DifferentialNoticesDifferences(t *testing.T) {
	t.Parallel() // they wait for disks more than they work
	d := newV2Differential(t, process.Etcd34, process.Etcd34)
	d.patience, d.search = 300*time.Millisecond, 0
	body := func(change func(string) string) func(*v2Side) {
		return func(s *v2Side) {
			s.spoilReply = func(_ v2Request, _ http.Header, body []byte) []byte { return []byte(change(string(body))) }
		}
	}
	replace := func(old, with string) func(*v2Side) {
		return body(func(text string) string { return strings.Replace(text, old, with, 1) })
	}
	header := func(name, value string) func(*v2Side) {
		return func(s *v2Side) {
			s.spoilReply = func(_ v2Request, header http.Header, body []byte) []byte {
				header[name] = nil
				if value != "" {
					header.Set(name, value)
				}
				return body
			}
		}
	}
	event := func(spoil func(n int64, event []byte) ([]byte, bool)) func(*v2Side) {
		return func(s *v2Side) {
			var n atomic.Int64
			s.spoilEvent = func(event []byte) ([]byte, bool) { return spoil(n.Add(1), event) }
		}
	}
	for name, planted := range map[string]struct {
		plant func(*v2Side)
		shows string // in what differs, by its line
	}{
		"value":             {replace(`"value":"a`, `"value":"x`), `"value":"xa`},
		"action":            {replace(`"compareAndDelete"`, `"delete"`), `"action":"delete"`},
		"cause":             {replace(`"cause":"/a/b"`, `"cause":"/a"`), `"cause":"/a",`},
		"space":             {replace(`","dir"`, `", "dir"`), `\", \"dir\"`},
		"no end of line":    {body(func(text string) string { return strings.TrimSuffix(text, "\n") }), "not as etcd writes: "},
		"time to live":      {replace(`"ttl":2`, `"ttl":4`), `"ttl":4`},
		"expiration":        {replace(`"expiration":"20`, `"expiration":"21`), "expiration"},
		"index of a file":   {replace(`"createdIndex":`, `"createdIndex":1`), `"createdIndex":`},
		"index of an error": {replace(`"index":`, `"index":1`), `"index":`},
		"prevNode":          {replace(`"prevNode"`, `"previous"`), `\"previous\"`},
		"index of the tree": {header("X-Etcd-Index", "7"), "ndex"}, // the header's, or an error's that is counted from it
		"no cluster id":     {header("X-Etcd-Cluster-Id", ""), "X-Etcd-Cluster-Id: "},
		"a header too many": {header("X-Other", "1"), "X-Other: 1"},
		"order of a listing": {func(s *v2Side) {
			s.spoilReply = func(r v2Request, _ http.Header, body []byte) []byte {
				var ev v2Event
				if r.is("sorted") && json.Unmarshal(body, &ev) == nil && ev.Node != nil && len(ev.Node.Nodes) > 1 {
					ev.Node.Nodes[0], ev.Node.Nodes[1] = ev.Node.Nodes[1], ev.Node.Nodes[0]
					return encodeV2(ev)
				}
				return body
			}
		}, `"nodes":[{`},
		"a node missing": {func(s *v2Side) {
			s.spoilReply = func(_ v2Request, _ http.Header, body []byte) []byte {
				var ev v2Event
				if json.Unmarshal(body, &ev) == nil && ev.Node != nil && len(ev.Node.Nodes) > 1 {
					ev.Node.Nodes = ev.Node.Nodes[1:]
					return encodeV2(ev)
				}
				return body
			}
		}, `"nodes":[{`},
		"another write": {func(s *v2Side) {
			s.spoilReply = func(r v2Request, _ http.Header, body []byte) []byte {
				if r.method == "POST" && bytes.Contains(body, []byte(`"create"`)) {
					s.spoilReply = nil
					s.do(context.Background(), v2Request{method: "PUT", path: "/other"})
				}
				return body
			}
		}, "Index"},
		"event lost": {event(func(n int64, ev []byte) ([]byte, bool) { return ev, n == 5 }), "has 1 events, 3.4.23 has 0"},
		"event changed": {event(func(_ int64, ev []byte) ([]byte, bool) {
			return bytes.Replace(ev, []byte(`"set"`), []byte(`"update"`), 1), false
		}), `3.4.23 has {"action":"update"`},
	} {
		t.Run(name, func(t *testing.T) {
			d.sides[1].spoilReply, d.sides[1].spoilEvent = nil, nil
			require.NoError(t, d.reset(t.Context()))
			planted.plant(d.sides[1])
			err := d.runV2(t, 1, 1500)
			require.Error(t, err)
			require.NotErrorIs(t, err, context.DeadlineExceeded)
			require.Contains(t, differing(err), planted.shows, "%v", err)
		})
	}
	t.Run("shrunk", func(t *testing.T) {
		d.patience, d.search = settleTimeout, shrinkTimeout
		d.sides[1].spoilReply, d.sides[1].spoilEvent = nil, nil
		replace(`"cause":"/a/b"`, `"cause":"/a"`)(d.sides[1])
		err := d.runV2(t, 1, 1500)
		require.ErrorContains(t, err, "on empty trees")
		require.Less(t, strings.Count(err.Error(), "\n  "), 6, err.Error())
	})
	t.Run("event lost on both sides", func(t *testing.T) {
		d.patience, d.search = time.Second, 0
		for _, s := range d.sides {
			s.spoilReply = nil
			s.spoilEvent = func(event []byte) ([]byte, bool) { return event, bytes.Contains(event, []byte("drain")) }
		}
		err := d.runV2(t, 1, 1500)
		require.ErrorContains(t, err, "both sides are wrong")
	})
}

// differing is what an error says of two answers that are not equal: their lines that the other does not have. Of another
// error it is all.
func differing(err error) string {
	var diff *v2Difference
	if !errors.As(err, &diff) {
		return err.Error()
	}
	lines := [2][]string{strings.SplitAfter(diff.answers[0], "\n"), strings.SplitAfter(diff.answers[1], "\n")}
	text := ""
	for i, own := range lines {
		for _, line := range own {
			if !slices.Contains(lines[1-i], line) {
				text += line
			}
		}
	}
	return text
}
