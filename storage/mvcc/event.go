package mvcc

import (
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/petcd/petcd/storage/schema"
)

// Event is one change of one key. Key and Value are never written to after
// the event exists, so they may be shared.
type Event struct {
	Key, Value []byte
	Mod        schema.Revision
	Create     int64 // 0 for a deletion
	Version    int64 // 0 for a deletion, 1 for a creation
	Lease      int64
}

// Deletion says that the event removed the key.
func (e *Event) Deletion() bool { return e.Version == 0 }

// KeyValue is the event's key as clients see it: for a deletion only its key
// and revision.
func (e *Event) KeyValue() *mvccpb.KeyValue {
	return &mvccpb.KeyValue{
		Key:            e.Key,
		Value:          e.Value,
		CreateRevision: e.Create,
		ModRevision:    e.Mod.Main,
		Version:        e.Version,
		Lease:          e.Lease,
	}
}

// Type is the event's kind as clients see it.
func (e *Event) Type() mvccpb.Event_EventType {
	if e.Deletion() {
		return mvccpb.Event_DELETE
	}
	return mvccpb.Event_PUT
}
