package backup

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/etcddir"
	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/server/v2pb"
	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/v2store"
)

// Where etcd 3.4 keeps its members in the v2 tree. petcd has tables for them, but each change of theirs raises etcd's index.
const (
	etcdNamespace = "/0"
	etcdMembers   = "/0/members/"
	etcdRemoved   = "/0/removed_members/"
	etcdVersion   = "/0/version"
)

// importTree brings the v2 tree of a data directory of etcd into a new state: the snapshot's, and what the log did to it
// after. Indexes and events come out as etcd has them.
func importTree(c *etcddir.Contents, w *v2store.Writer) error {
	for _, n := range c.Tree.Nodes {
		node := v2store.Stored{Dir: n.Dir, Created: n.Created, Modified: n.Modified, Expiration: n.Expiration, Value: n.Value}
		if err := w.Place(n.Path, node); err != nil {
			return fmt.Errorf("%w: %w", etcddir.ErrCorrupt, err)
		}
	}
	if err := w.Resume(c.Tree.Index, c.Tree.Events); err != nil {
		return err
	}
	r := &treeReplay{w: w, members: membership.New(0, 0, learnersMax)}
	if err := r.members.Load(membersOf(c.Tree)); err != nil {
		return fmt.Errorf("%w: %w", etcddir.ErrCorrupt, err)
	}
	for _, e := range c.Entries {
		if err := r.entry(e); err != nil {
			return fmt.Errorf("entry %d: %w", e.Index, err)
		}
	}
	return w.Erase(etcdNamespace)
}

// learnersMax is more learners than a cluster has: those of the log were counted when they were added.
const learnersMax = 1 << 20

// treeReplay applies the log of etcd to its tree.
type treeReplay struct {
	w       *v2store.Writer
	members *membership.Cluster
}

// entry applies an entry. Of API 3 only what etcd also writes to the v2 tree matters.
func (r *treeReplay) entry(e etcddir.Entry) error {
	switch {
	case e.Change != nil:
		return r.change(e.Change)
	case e.V2 != nil:
		return r.request(e.V2)
	case e.V3 != nil && e.V3.ClusterMemberAttrSet != nil:
		id := e.V3.ClusterMemberAttrSet.GetMember_ID()
		return r.do(v2store.Set, etcdMembers+membership.IDString(id)+"/attributes")
	case e.V3 != nil && e.V3.ClusterVersionSet != nil:
		return r.do(v2store.Set, etcdVersion)
	}
	return nil
}

// request applies a request of API 2. etcd ends in one entry all that has expired.
func (r *treeReplay) request(req *v2pb.Request) error {
	for {
		before := r.w.Index()
		_, err := apply.V2(r.w, req)
		if errors.Is(err, apply.ErrUnknownRequest) {
			return nil
		}
		if err := ignoreRefusal(err); err != nil {
			return err
		}
		if req.Method != "SYNC" || r.w.Index()-before < apply.V2ExpireMax {
			return nil
		}
	}
}

// change applies a change of the members.
func (r *treeReplay) change(cc *raftpb.ConfChange) error {
	effect, refused := r.members.Check(cc)
	if refused != nil {
		return nil
	}
	if err := r.members.Make(membership.Discard, effect); err != nil {
		return err
	}
	at := etcdMembers + membership.IDString(effect.Member.ID)
	switch effect.Kind {
	case membership.Added:
		return r.do(v2store.Create, at+"/raftAttributes")
	case membership.Removed:
		if err := r.do(v2store.Delete, at); err != nil {
			return err
		}
		return r.do(v2store.Create, etcdRemoved+membership.IDString(effect.Member.ID))
	default:
		return r.do(v2store.Update, at+"/raftAttributes")
	}
}

// do makes a change whose value nobody reads: the namespace is erased in the end.
func (r *treeReplay) do(a v2store.Action, at string) error {
	_, err := r.w.Do(a, &v2store.Request{Path: at, Dir: a == v2store.Delete, Recursive: a == v2store.Delete})
	return ignoreRefusal(err)
}

// ignoreRefusal is nil for what the tree refused: it refused it in etcd, too.
func ignoreRefusal(err error) error {
	var refusal *v2store.Error
	if errors.As(err, &refusal) {
		return nil
	}
	return err
}

// memberRecords are members as package membership reads them.
type memberRecords struct{ members, removed []storage.Record }

// membersOf finds the members that a tree of etcd has. Of their attributes the changes in the log look at the peer URLs
// alone, which are in raftAttributes.
func membersOf(t *etcddir.Tree) memberRecords {
	var r memberRecords
	for _, n := range t.Nodes {
		if id, ok := strings.CutPrefix(n.Path, etcdRemoved); ok {
			if key := idKey(id); key != nil {
				r.removed = append(r.removed, storage.Record{Key: key})
			}
			continue
		}
		id, ok := strings.CutPrefix(path.Dir(n.Path), etcdMembers)
		if key := idKey(id); ok && key != nil && path.Base(n.Path) == "raftAttributes" {
			r.members = append(r.members, storage.Record{Key: key, Value: memberJSON(key, n.Value)})
		}
	}
	return r
}

// Record implements membership.Reader: the cluster's version and the like are not needed.
func (r memberRecords) Record(storage.Table, []byte) ([]byte, error) { return nil, nil }

// Records implements membership.Reader.
func (r memberRecords) Records(t storage.Table) ([]storage.Record, error) {
	switch t {
	case storage.TableMembers:
		return r.members, nil
	case storage.TableRemovedMembers:
		return r.removed, nil
	}
	return nil, nil
}

// idKey is the key of a member's record, of the id as etcd writes it; nil when it is none.
func idKey(text string) []byte {
	id, err := strconv.ParseUint(text, 16, 64)
	if err != nil {
		return nil
	}
	return binary.BigEndian.AppendUint64(nil, id)
}

// memberJSON is the record of a member; nothing that package membership takes when its attributes cannot be read.
func memberJSON(key []byte, raftAttributes string) []byte {
	m := membership.Member{ID: binary.BigEndian.Uint64(key)}
	if err := json.Unmarshal([]byte(raftAttributes), &m.RaftAttributes); err != nil {
		return nil
	}
	b, err := json.Marshal(m)
	if err != nil {
		return nil
	}
	return b
}
