package membership

import (
	"fmt"

	"github.com/petcd/petcd/storage"
)

// ReadWriter is a state whose small tables are read and written at once; storage.Edit is one.
type ReadWriter interface {
	Reader
	Writer
}

// Begin gives a state to a new cluster: its id and founders replace those of the cluster that the state is from, and the
// ids that were removed there mean nothing here. The cluster version stays, as in etcd.
func Begin(s ReadWriter, clusterID uint64, founders []*Member) error {
	for _, t := range []storage.Table{storage.TableMembers, storage.TableRemovedMembers} {
		old, err := s.Records(t)
		if err != nil {
			return fmt.Errorf("membership: read members: %w", err)
		}
		for _, rec := range old {
			if err := s.DeleteRecord(t, rec.Key); err != nil {
				return err
			}
		}
	}
	for _, m := range founders {
		if err := putMember(s, m); err != nil {
			return err
		}
	}
	return s.SetRecord(storage.TableMeta, metaClusterID, recordKey(clusterID))
}
