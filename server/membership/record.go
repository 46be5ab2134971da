package membership

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/coreos/go-semver/semver"

	"github.com/petcd/petcd/storage"
)

// Keys of the cluster's own records in storage.TableMeta. Values: the cluster's id as eight big-endian bytes; the version
// as text; Downgrade as JSON.
var (
	metaClusterID = []byte("cluster_id")
	metaVersion   = []byte("cluster_version")
	metaDowngrade = []byte("downgrade")
)

// Writer takes changes of the small tables; storage.Batch is one.
type Writer interface {
	SetRecord(t storage.Table, key, value []byte) error
	DeleteRecord(t storage.Table, key []byte) error
}

// Reader reads the small tables; storage.Store is one.
type Reader interface {
	Record(t storage.Table, key []byte) ([]byte, error)
	Records(t storage.Table) ([]storage.Record, error)
}

// recordKey is a member's key in the tables of members: its id, so that a scan is ascending by id.
func recordKey(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

func putMember(b Writer, m *Member) error {
	value, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("membership: encode member: %w", err)
	}
	return b.SetRecord(storage.TableMembers, recordKey(m.ID), value)
}

// Load replaces what the cluster knows by what the store holds: after opening, and after a snapshot was installed.
func (c *Cluster) Load(r Reader) error {
	v := &view{removed: map[uint64]bool{}}
	members, err := r.Records(storage.TableMembers)
	if err != nil {
		return fmt.Errorf("membership: read members: %w", err)
	}
	for _, rec := range members {
		m := &Member{}
		if err := json.Unmarshal(rec.Value, m); err != nil || len(rec.Key) != 8 || m.ID != binary.BigEndian.Uint64(rec.Key) {
			return fmt.Errorf("%w: member %x", ErrCorrupt, rec.Key)
		}
		v = v.with(m)
	}
	removed, err := r.Records(storage.TableRemovedMembers)
	if err != nil {
		return fmt.Errorf("membership: read removed members: %w", err)
	}
	for _, rec := range removed {
		if len(rec.Key) != 8 {
			return fmt.Errorf("%w: removed member %x", ErrCorrupt, rec.Key)
		}
		v.removed[binary.BigEndian.Uint64(rec.Key)] = true
	}
	if err := v.loadMeta(r); err != nil {
		return err
	}
	c.current.Store(v)
	return nil
}

func (v *view) loadMeta(r Reader) error {
	text, err := r.Record(storage.TableMeta, metaVersion)
	if err != nil {
		return fmt.Errorf("membership: read cluster version: %w", err)
	}
	if text != nil {
		if v.version, err = semver.NewVersion(string(text)); err != nil {
			return fmt.Errorf("%w: cluster version %q", ErrCorrupt, text)
		}
	}
	down, err := r.Record(storage.TableMeta, metaDowngrade)
	if err != nil {
		return fmt.Errorf("membership: read downgrade: %w", err)
	}
	if down != nil {
		if err := json.Unmarshal(down, &v.downgrade); err != nil {
			return fmt.Errorf("%w: downgrade %q", ErrCorrupt, down)
		}
	}
	return nil
}

// RecordID writes the cluster's id beside its members, so that a state can be told from another cluster's.
func (c *Cluster) RecordID(b Writer) error {
	return b.SetRecord(storage.TableMeta, metaClusterID, recordKey(c.id))
}

// StoredID is the id of the cluster a state belongs to; zero when it belongs to none yet.
func StoredID(r Reader) (uint64, error) {
	b, err := r.Record(storage.TableMeta, metaClusterID)
	if err != nil {
		return 0, fmt.Errorf("membership: read cluster id: %w", err)
	}
	if b == nil {
		return 0, nil
	}
	if len(b) != 8 {
		return 0, fmt.Errorf("%w: cluster id %x", ErrCorrupt, b)
	}
	return binary.BigEndian.Uint64(b), nil
}

// SetAttributes stores what a member published about itself. A member that was removed meanwhile, or never was, is left
// alone: the entry may simply be late.
func (c *Cluster) SetAttributes(b Writer, id uint64, a Attributes) error {
	old := c.Member(id)
	if old == nil {
		return nil
	}
	m := old.Clone()
	m.Attributes = a
	if err := putMember(b, m); err != nil {
		return err
	}
	c.current.Store(c.current.Load().with(m))
	return nil
}

// SetVersion stores the cluster version. One that does not parse is refused with ErrBadVersion and changes nothing.
func (c *Cluster) SetVersion(b Writer, text string) error {
	version, err := semver.NewVersion(text)
	if err != nil {
		return fmt.Errorf("%w: %q", ErrBadVersion, text)
	}
	if err := b.SetRecord(storage.TableMeta, metaVersion, []byte(version.String())); err != nil {
		return err
	}
	n := *c.current.Load()
	n.version = version
	c.current.Store(&n)
	return nil
}

// SetDowngrade stores the state of a downgrade.
func (c *Cluster) SetDowngrade(b Writer, d Downgrade) error {
	if !d.Enabled {
		d = Downgrade{}
	}
	value, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("membership: encode downgrade: %w", err)
	}
	if err := b.SetRecord(storage.TableMeta, metaDowngrade, value); err != nil {
		return err
	}
	n := *c.current.Load()
	n.downgrade = d
	c.current.Store(&n)
	return nil
}
