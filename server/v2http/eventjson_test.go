package v2http

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage/v2store"
)

// TestEventIsEncodingJSONs compares random events with what encoding/json makes of a copy without namespace and refresh.
func TestEventIsEncodingJSONs(t *testing.T) {
	src := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		e := &v2store.Event{Action: v2store.Set, Refresh: src.IntN(2) == 0, Index: src.Uint64()}
		e.Node, e.PrevNode = randomNode(src, 3), randomNode(src, 1)
		for _, bare := range []bool{false, true} {
			got, err := appendEvent(nil, e, bare)
			require.NoError(t, err)
			want := *e
			want.Refresh, want.Node, want.PrevNode = false, unprefixed(e.Node), unprefixed(e.PrevNode)
			if bare {
				want.Node, want.PrevNode = nil, nil
			}
			var b bytes.Buffer
			require.NoError(t, json.NewEncoder(&b).Encode(&want))
			require.Equal(t, b.String(), string(got))
		}
	}
}

// TestEventBeyondTime has no JSON: its year has five digits.
func TestEventBeyondTime(t *testing.T) {
	at := time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	_, err := appendEvent(nil, &v2store.Event{Action: v2store.Get, Node: &v2store.Node{Expiration: &at}}, false)
	require.Error(t, err)
}

// randomNode is nil or a node with any of its members, and nodes below it.
func randomNode(src *rand.Rand, depth int) *v2store.Node {
	if src.IntN(8) == 0 {
		return nil
	}
	n := &v2store.Node{Key: namespace + randomText(src), Dir: src.IntN(2) == 0}
	if src.IntN(2) == 0 {
		v := randomText(src)
		n.Value = &v
	}
	if src.IntN(2) == 0 {
		at := time.Unix(src.Int64N(4e9), src.Int64N(3)*1e8).UTC()
		n.Expiration = &at
	}
	numbers := []uint64{0, 1, src.Uint64(), math.MaxUint64}
	n.TTL, n.ModifiedIndex, n.CreatedIndex = int64(numbers[src.IntN(4)]), numbers[src.IntN(4)], numbers[src.IntN(4)]
	for range src.IntN(3) * depth {
		if child := randomNode(src, depth-1); child != nil {
			n.Nodes = append(n.Nodes, child)
		}
	}
	return n
}

// randomText is a text of plain letters, or of anything.
func randomText(src *rand.Rand) string {
	parts := []string{"a", "/", " ", "~", "\x7f", "\"", "\\", "<", ">", "&", "\n", "\x00", "\x1f", "\xff", "é", "\u2028", "😀"}
	if src.IntN(2) == 0 {
		parts = parts[:4]
	}
	var b strings.Builder
	for range src.IntN(6) {
		b.WriteString(parts[src.IntN(len(parts))])
	}
	return b.String()
}

// unprefixed is a copy of a node without the namespace.
func unprefixed(n *v2store.Node) *v2store.Node {
	if n == nil {
		return nil
	}
	c := *n
	c.Key, c.Nodes = strings.TrimPrefix(n.Key, namespace), nil
	for _, child := range n.Nodes {
		c.Nodes = append(c.Nodes, unprefixed(child))
	}
	return &c
}
