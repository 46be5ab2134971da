package v2copy

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	client "go.etcd.io/etcd/client/v2"
)

var (
	// ErrExists says that an import would replace what is there.
	ErrExists = errors.New("v2copy: keys exist with other values")
	// ErrKind says that a key is a directory here and a file there.
	ErrKind = errors.New("v2copy: a directory and a file have the same name")
)

// conflictsShown bounds how many keys an error names.
const conflictsShown = 5

// Imported is what an import did.
type Imported struct{ Files, Dirs, Same, Expired int }

// Import writes a tree into a cluster over HTTP. Keys that exist with the same value stay as they are; with another one it
// fails before it writes anything, unless overwrite is set. now is when times to live begin.
func Import(ctx context.Context, keys client.KeysAPI, t *Tree, overwrite bool, now func() time.Time) (Imported, error) {
	im := &importer{keys: keys, overwrite: overwrite, now: now, expired: map[string]bool{}}
	if err := im.look(ctx, t); err != nil {
		return im.done, err
	}
	for i := range t.Nodes {
		if err := im.node(ctx, &t.Nodes[i]); err != nil {
			return im.done, fmt.Errorf("v2copy: set %s: %w", t.Nodes[i].Key, err)
		}
	}
	return im.done, nil
}

// importer is one run.
type importer struct {
	keys      client.KeysAPI
	overwrite bool
	now       func() time.Time
	there     map[string]Node // what the cluster had
	expired   map[string]bool // directories
	done      Imported
}

// look reads what the cluster has, and compares. Hidden keys are asked for one by one.
func (im *importer) look(ctx context.Context, t *Tree) error {
	had, err := Export(ctx, im.keys, nil)
	if err != nil {
		return err
	}
	im.there = map[string]Node{}
	for _, n := range had.Nodes {
		im.there[n.Key] = n
	}
	var conflicts []string
	for i := range t.Nodes {
		n := &t.Nodes[i]
		old, ok, err := im.find(ctx, n.Key)
		switch {
		case err != nil:
			return err
		case ok && old.Dir != n.Dir:
			return fmt.Errorf("%w: %s", ErrKind, n.Key)
		case ok && !n.Dir && !same(n, &old):
			conflicts = append(conflicts, n.Key)
		}
	}
	if len(conflicts) > 0 && !im.overwrite {
		return fmt.Errorf("%w: %d of them, as %s", ErrExists, len(conflicts),
			strings.Join(conflicts[:min(len(conflicts), conflictsShown)], " "))
	}
	return nil
}

// same tells that a file is there as it would be written: it may differ in when it expires, but not in whether it does.
func same(a, b *Node) bool {
	return a.Value == b.Value && (a.Expiration == nil) == (b.Expiration == nil)
}

// find returns what the cluster has at a key.
func (im *importer) find(ctx context.Context, key string) (Node, bool, error) {
	n, ok := im.there[key]
	if ok || !strings.Contains(key, "/_") {
		return n, ok, nil
	}
	r, err := im.keys.Get(ctx, key, &client.GetOptions{Quorum: true})
	if isCode(err, client.ErrorCodeKeyNotFound) || isCode(err, client.ErrorCodeNotDir) {
		return n, false, nil
	}
	if err != nil {
		return n, false, fmt.Errorf("v2copy: get %s: %w", key, err)
	}
	n = Node{Key: key, Dir: r.Node.Dir, Value: r.Node.Value, Expiration: r.Node.Expiration}
	im.there[key] = n
	return n, true, nil
}

// node writes one node.
func (im *importer) node(ctx context.Context, n *Node) error {
	parent := n.Key[:strings.LastIndexByte(n.Key, '/')]
	ttl, ok := im.ttl(n)
	if !ok || im.expired[parent] {
		im.done.Expired++
		im.expired[n.Key] = n.Dir
		return nil
	}
	old, exists := im.there[n.Key]
	if exists && (n.Dir || same(n, &old)) {
		im.done.Same++
		return nil
	}
	o := &client.SetOptions{TTL: ttl, Dir: n.Dir, PrevExist: client.PrevNoExist, NoValueOnSuccess: true}
	if im.overwrite && !n.Dir {
		o.PrevExist = client.PrevIgnore
	}
	if _, err := im.keys.Set(ctx, n.Key, n.Value, o); err != nil {
		return err
	}
	if n.Dir {
		im.done.Dirs++
	} else {
		im.done.Files++
	}
	return nil
}

// ttl is what is left of a node's time, rounded up to seconds; 0 for one that does not expire, false for one that has.
func (im *importer) ttl(n *Node) (time.Duration, bool) {
	if n.Expiration == nil {
		return 0, true
	}
	left := n.Expiration.Sub(im.now()) // no more than the greatest Duration, 292 years
	seconds := left.Truncate(time.Second)
	if seconds < left && seconds <= math.MaxInt64-time.Second {
		seconds += time.Second
	}
	return seconds, left > 0
}
