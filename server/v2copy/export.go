package v2copy

import (
	"context"
	"errors"
	"fmt"
	"path"

	client "go.etcd.io/etcd/client/v2"
)

// Export reads all keys of a cluster. A listing leaves out what is hidden, a name that begins with "_"; of that, hidden names
// what to read as well.
func Export(ctx context.Context, keys client.KeysAPI, hidden []string) (*Tree, error) {
	e := &export{keys: keys, tree: &Tree{Format: Format}, seen: map[string]bool{"/": true}}
	for _, key := range append([]string{"/"}, hidden...) {
		if err := e.add(ctx, path.Join("/", key)); err != nil {
			return nil, err
		}
	}
	e.tree.sort()
	return e.tree, nil
}

// export is one run.
type export struct {
	keys client.KeysAPI
	tree *Tree
	seen map[string]bool
}

// add reads what is at and under a key, and the directories that it lies in.
func (e *export) add(ctx context.Context, key string) error {
	r, err := e.keys.Get(ctx, key, &client.GetOptions{Recursive: true, Quorum: true})
	if err != nil {
		return fmt.Errorf("v2copy: get %s: %w", key, err)
	}
	if key == "/" {
		e.tree.Index = r.Index
	}
	e.take(r.Node)
	for dir := path.Dir(key); !e.seen[dir]; dir = path.Dir(dir) {
		r, err := e.keys.Get(ctx, dir, &client.GetOptions{Quorum: true})
		if err != nil {
			return fmt.Errorf("v2copy: get %s: %w", dir, err)
		}
		r.Node.Nodes = nil
		e.take(r.Node)
	}
	return nil
}

// take adds a node with all that the server listed in it.
func (e *export) take(n *client.Node) {
	key := path.Join("/", n.Key)
	if !e.seen[key] {
		e.seen[key] = true
		e.tree.Nodes = append(e.tree.Nodes, Node{
			Key: key, Dir: n.Dir, Value: n.Value, Expiration: n.Expiration,
			CreatedIndex: n.CreatedIndex, ModifiedIndex: n.ModifiedIndex,
		})
	}
	for _, child := range n.Nodes {
		e.take(child)
	}
}

// isCode tells which error a server answered with.
func isCode(err error, code int) bool {
	var answer client.Error
	return errors.As(err, &answer) && answer.Code == code
}
