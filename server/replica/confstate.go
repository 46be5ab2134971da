package replica

import (
	"fmt"
	"sync"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/storage"
)

// metaConfState is the key, in storage.TableMeta, of raft's configuration as of the applied index.
var metaConfState = []byte("conf_state")

func putConfState(b membership.Writer, conf *raftpb.ConfState) error {
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(conf)
	if err != nil {
		return fmt.Errorf("replica: encode conf state: %w", err)
	}
	return b.SetRecord(storage.TableMeta, metaConfState, value)
}

// loadConfState reads raft's configuration; an empty one when the state has none yet.
func loadConfState(r membership.Reader) (*raftpb.ConfState, error) {
	value, err := r.Record(storage.TableMeta, metaConfState)
	if err != nil {
		return nil, fmt.Errorf("replica: read conf state: %w", err)
	}
	conf := &raftpb.ConfState{}
	if err := proto.Unmarshal(value, conf); err != nil {
		return nil, fmt.Errorf("%w: conf state: %w", ErrCorrupt, err)
	}
	return conf, nil
}

// point is how far the state is: index, term, and the configuration as of there. The apply loop moves it; the raft
// goroutine and senders of snapshots read it.
type point struct {
	mu          sync.Mutex
	index, term uint64
	conf        *raftpb.ConfState
	// changes counts the beginnings and the ends of commits that change the configuration: while it is odd, the store may
	// hold a newer one than conf.
	changes uint64
}

// changing tells that a batch with a change of the configuration is about to be committed; advance ends that.
func (p *point) changing() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes++
}

// settled returns the configuration and a number that changes with it; false while it is changing.
func (p *point) settled() (conf *raftpb.ConfState, number uint64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conf, p.changes, p.changes%2 == 0
}

// advance moves the point; a nil conf leaves the configuration as it is.
func (p *point) advance(index, term uint64, conf *raftpb.ConfState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.index, p.term = index, term
	if conf != nil {
		p.conf = conf
		p.changes += p.changes % 2
	}
}

// metadata describes the state as a snapshot's metadata does.
func (p *point) metadata() *raftpb.SnapshotMetadata {
	p.mu.Lock()
	defer p.mu.Unlock()
	index, term := p.index, p.term
	return &raftpb.SnapshotMetadata{ConfState: p.conf, Index: &index, Term: &term}
}
