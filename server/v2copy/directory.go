package v2copy

import (
	"strings"
	"time"

	"github.com/petcd/petcd/server/backup"
	"github.com/petcd/petcd/storage/v2store"
)

// FromDirectory reads the keys out of a data directory of petcd or of etcd; see backup.WalkTree.
func FromDirectory(dataDir, walDir string) (*Tree, error) {
	t := &Tree{Format: Format}
	index, err := backup.WalkTree(dataDir, walDir, func(path string, n v2store.Stored) error {
		key, ok := strings.CutPrefix(path, "/1/")
		if !ok {
			return nil
		}
		node := Node{
			Key: "/" + key, Dir: n.Dir, Value: n.Value, CreatedIndex: n.Created, ModifiedIndex: n.Modified,
		}
		if n.Expiration != 0 {
			at := time.Unix(0, n.Expiration).UTC()
			node.Expiration = &at
		}
		t.Nodes = append(t.Nodes, node)
		return nil
	})
	t.Index = index
	return t, err
}
