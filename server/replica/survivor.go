package replica

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/membershippb"
	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/membership"
)

// Survivor is a member of a cluster that lost its quorum, open and not running. No server can open its data directory
// meanwhile.
type Survivor struct {
	Dir                       string
	MemberID, ClusterID       uint64
	LastTerm, LastIndex       uint64 // of the log
	CommitIndex, AppliedIndex uint64 // as they are on disk; both may trail
	Revision                  int64  // of the state, before the rest of the log is applied
	Members                   []*membership.Member
	r                         *Replica
	id                        *identity
}

// SurvivorConfig says where a survivor is. DataDir is required.
type SurvivorConfig struct {
	FS      vfs.FS // nil: the disk
	DataDir string
	// WALDir and WALFailoverDir are as the member's flags say; empty is their default.
	WALDir, WALFailoverDir string
	Logger                 *slog.Logger // nil: discards
}

// OpenSurvivor opens the log and the state of a member that does not run. It fails with ErrLocked when a server has them,
// and with ErrCorrupt when they are damaged; nothing that they hold is changed.
func OpenSurvivor(c SurvivorConfig) (_ *Survivor, err error) {
	if c.FS == nil {
		c.FS = vfs.Default
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if _, err := c.FS.Stat(c.FS.PathJoin(c.DataDir, "member")); err != nil {
		return nil, fmt.Errorf("replica: no member's data directory: %w", err)
	}
	if dir := logDir(c.FS, c.DataDir, c.WALDir); !exists(c.FS, dir) {
		return nil, fmt.Errorf("%w (%s is missing)", ErrNothingThere, dir)
	}
	m := config.Default()
	m.DataDir, m.WALDir, m.WALFailoverDir = c.DataDir, c.WALDir, c.WALFailoverDir
	r := &Replica{cfg: Config{Member: m, FS: c.FS, Logger: c.Logger, still: true}, logger: c.Logger}
	if err := r.openFiles(); err != nil {
		return nil, err
	}
	s := &Survivor{Dir: c.DataDir, r: r}
	if err := s.read(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// read fills s from what is open.
func (s *Survivor) read() (err error) {
	l := s.r.log
	meta := l.Metadata()
	if s.LastIndex, err = l.LastIndex(); err != nil {
		return err
	}
	if meta == nil || s.LastIndex == 0 {
		return ErrNothingThere
	}
	s.id = &identity{}
	if err := json.Unmarshal(meta, s.id); err != nil || s.id.MemberID == 0 {
		return fmt.Errorf("%w: metadata of the log", ErrCorrupt)
	}
	if err := s.r.reconcile(s.id); err != nil {
		return err
	}
	if s.LastIndex, err = l.LastIndex(); err != nil {
		return err
	}
	if s.LastTerm, err = l.Term(s.LastIndex); err != nil {
		return err
	}
	hs, _, err := l.InitialState()
	if err != nil {
		return err
	}
	s.MemberID, s.ClusterID = s.id.MemberID, s.id.ClusterID
	s.CommitIndex = hs.GetCommit()
	s.AppliedIndex, _ = s.r.store.Applied()
	s.Revision = s.r.store.Revision()
	cluster, err := s.r.membersAt(s.id, s.LastIndex)
	if err != nil {
		return err
	}
	s.Members = cluster.Members()
	return nil
}

// Compare orders survivors by how much they hold, as an election does: by the term of the log's last entry, then by its
// index. Of two with equal logs, one that knows more of it to be committed comes after the other.
func (s *Survivor) Compare(other *Survivor) int {
	return cmp.Or(
		cmp.Compare(s.LastTerm, other.LastTerm),
		cmp.Compare(s.LastIndex, other.LastIndex),
		cmp.Compare(s.CommitIndex, other.CommitIndex),
		cmp.Compare(s.AppliedIndex, other.AppliedIndex))
}

// StandAlone makes the survivor the only member of its cluster: its next start applies all that its log holds and serves.
// A name or peer URLs that are not empty replace those it had. Nobody that the log removes can come back.
func (s *Survivor) StandAlone(name string, peerURLs types.URLs) error {
	s.r.cfg.Member.AdvertisePeerURLs = peerURLs
	if err := s.r.standAlone(s.id); err != nil {
		return err
	}
	var entries []*raftpb.Entry
	if len(peerURLs) > 0 {
		cc, err := membership.UpdateChange(s.MemberID, peerURLs.StringSlice())
		if err != nil {
			return err
		}
		data, err := proto.Marshal(cc)
		if err != nil {
			return fmt.Errorf("replica: encode a change of members: %w", err)
		}
		entries = append(entries, &raftpb.Entry{Type: raftpb.EntryConfChange.Enum(), Data: data})
	}
	if name != "" {
		data, err := proto.Marshal(&etcdserverpb.InternalRaftRequest{
			ClusterMemberAttrSet: &membershippb.ClusterMemberAttrSetRequest{
				Member_ID: s.MemberID, MemberAttributes: &membershippb.Attributes{Name: name},
			},
		})
		if err != nil {
			return fmt.Errorf("replica: encode a member's name: %w", err)
		}
		entries = append(entries, &raftpb.Entry{Type: raftpb.EntryNormal.Enum(), Data: data})
	}
	return s.commit(entries)
}

// commit appends entries to the log as committed, and all that is before them.
func (s *Survivor) commit(entries []*raftpb.Entry) error {
	hs, _, err := s.r.log.InitialState()
	if err != nil {
		return err
	}
	last, err := s.r.log.LastIndex()
	if err != nil {
		return err
	}
	term := hs.GetTerm()
	for i, e := range entries {
		e.Term, e.Index = &term, new(last+uint64(i)+1)
	}
	return s.r.log.Append(hardState(term, hs.GetVote(), last+uint64(len(entries))), entries, true)
}

// Close closes the files and lets servers have the directory again.
func (s *Survivor) Close() error { return s.r.closeFiles() }
