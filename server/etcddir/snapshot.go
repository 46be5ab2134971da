package etcddir

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"path"
	"strings"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/storage/v2store"
)

// Tree is the v2 store as a snapshot has it.
type Tree struct {
	Index  uint64
	Nodes  []Node           // a directory before what is in it; without the roots "/", "/0" and "/1"
	Events []*v2store.Event // what watchers may ask for, oldest first
}

// Node is a node of a Tree.
type Node struct {
	Path              string
	Dir               bool
	Value             string
	Created, Modified uint64
	Expiration        int64 // nanoseconds of Unix time; 0: never
}

// decodeSnapshot reads a file of member/snap.
func decodeSnapshot(b []byte) (*raftpb.Snapshot, error) {
	var sum uint64
	var data []byte
	err := fields(b, func(number protowire.Number, varint uint64, bytes []byte) {
		switch number {
		case 1:
			sum = varint
		case 2:
			data = bytes
		}
	})
	if err != nil {
		return nil, err
	}
	if len(data) == 0 || sum == 0 || uint64(crc32.Checksum(data, castagnoli)) != sum {
		return nil, fmt.Errorf("%w: checksum of a snapshot", ErrCorrupt)
	}
	snap := &raftpb.Snapshot{}
	if err := proto.Unmarshal(data, snap); err != nil {
		return nil, fmt.Errorf("%w: snapshot: %w", ErrCorrupt, err)
	}
	return snap, nil
}

// storeJSON is what etcd's v2 store writes of itself.
type storeJSON struct {
	Root         *nodeJSON
	CurrentIndex uint64
	WatcherHub   struct {
		EventHistory struct {
			Queue struct {
				Events                []*v2store.Event
				Size, Front, Capacity int
			}
		}
	}
}

// nodeJSON is a node of it. Children is null for a file.
type nodeJSON struct {
	Path                        string
	CreatedIndex, ModifiedIndex uint64
	ExpireTime                  time.Time
	Value                       string
	Children                    map[string]*nodeJSON
}

// decodeTree reads the data of a snapshot.
func decodeTree(data []byte) (*Tree, error) {
	var s storeJSON
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("%w: v2 store: %w", ErrCorrupt, err)
	}
	if s.Root == nil || s.Root.Children == nil {
		return nil, fmt.Errorf("%w: v2 store without a root", ErrCorrupt)
	}
	t := &Tree{Index: s.CurrentIndex}
	if err := t.add("/", s.Root); err != nil {
		return nil, err
	}
	q := s.WatcherHub.EventHistory.Queue
	if q.Size < 0 || q.Front < 0 || q.Size > len(q.Events) || q.Size > 0 && q.Front >= len(q.Events) {
		return nil, fmt.Errorf("%w: history of the v2 store", ErrCorrupt)
	}
	for i := range q.Size {
		e := q.Events[(q.Front+i)%len(q.Events)]
		if e == nil || e.Node == nil {
			return nil, fmt.Errorf("%w: history of the v2 store", ErrCorrupt)
		}
		t.Events = append(t.Events, e)
	}
	return t, nil
}

// add adds a node with all that is below it. The depth of a path is bounded by that of the JSON, which its decoder bounds.
func (t *Tree) add(at string, n *nodeJSON) error {
	if at != "/" && at != "/0" && at != "/1" {
		node := Node{Path: at, Dir: n.Children != nil, Value: n.Value, Created: n.CreatedIndex, Modified: n.ModifiedIndex}
		if !n.ExpireTime.IsZero() {
			node.Expiration = n.ExpireTime.UnixNano()
		}
		if node.Dir && node.Value != "" {
			return fmt.Errorf("%w: v2 store: %q is a directory with a value", ErrCorrupt, at)
		}
		t.Nodes = append(t.Nodes, node)
	}
	for name, child := range n.Children {
		if child == nil || name == "" || name == "." || name == ".." || strings.Contains(name, "/") {
			return fmt.Errorf("%w: v2 store: name %q in %q", ErrCorrupt, name, at)
		}
		if err := t.add(path.Join(at, name), child); err != nil {
			return err
		}
	}
	return nil
}
