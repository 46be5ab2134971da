package watch

import (
	"context"

	"go.etcd.io/etcd/api/v3/mvccpb"
)

// History is what a hub asks of the store for watchers that the ring has
// left behind. It is safe from any goroutine.
type History interface {
	// CompactRevision is the revision below which history may be gone. It
	// must take no lock: it is called with the hub's held.
	CompactRevision() int64
	// Events reads history in revision order, whole revisions at a time.
	Events(ctx context.Context, q Query) (Page, error)
	// Previous returns what key held before revision; nil when it did not
	// exist or that is compacted.
	Previous(key []byte, revision int64) (*mvccpb.KeyValue, error)
}

// Query names a piece of history: the events of a range of keys, by etcd's
// convention, in the revisions From to To.
type Query struct {
	Key, End []byte
	From, To int64
	Options
	Limits
}

// Options say which events a watch wants and how. The zero value is every
// event without previous values.
type Options struct {
	NoPut    bool // no put events
	NoDelete bool // no delete events
	PrevKV   bool // fill Event.PrevKv where the previous value is known
}

// Limits end a read after the revision that reaches one of them.
type Limits struct {
	Events int // events returned
	Bytes  int // their keys and values, the previous ones included
	Rows   int // changes looked at, matching or not
}

// Page is a piece of history that was read.
type Page struct {
	Events []*mvccpb.Event
	// Next is the first revision that was not looked at.
	Next int64
	// CompactRevision is not zero when From lies below it: nothing was read.
	CompactRevision int64
}
