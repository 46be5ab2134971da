package backup

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/etcd/api/v3/authpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/auth"
	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/etcddb"
)

// importUsers brings users, roles and whether authentication is on. Both sides keep users and roles as the same messages
// under their names, so that password hashes and permissions come over as they are. Errors show no value: it may hold a
// password's hash.
func importUsers(db *etcddb.File, e *storage.Edit) error {
	settings, err := readSettings(db)
	if err != nil {
		return err
	}
	if settings != nil {
		if err := settings.Write(e); err != nil {
			return err
		}
	}
	err = db.Walk(etcddb.BucketUsers, func(k, v []byte) error {
		u := &authpb.User{}
		if err := proto.Unmarshal(v, u); err != nil || string(u.GetName()) != string(k) {
			return fmt.Errorf("%w: user %q", etcddb.ErrCorrupt, k)
		}
		return e.SetRecord(storage.TableAuthUsers, k, v)
	})
	if err != nil {
		return err
	}
	return db.Walk(etcddb.BucketRoles, func(k, v []byte) error {
		r := &authpb.Role{}
		if err := proto.Unmarshal(v, r); err != nil || string(r.GetName()) != string(k) {
			return fmt.Errorf("%w: role %q", etcddb.ErrCorrupt, k)
		}
		return e.SetRecord(storage.TableAuthRoles, k, v)
	})
}

// readSettings reads etcd's settings of authentication; nil when it has none.
func readSettings(db *etcddb.File) (*auth.Settings, error) {
	enabled, err := db.Get(etcddb.BucketAuth, etcddb.AuthEnabled)
	if err != nil {
		return nil, err
	}
	revision, err := db.Get(etcddb.BucketAuth, etcddb.AuthRevision)
	if err != nil {
		return nil, err
	}
	if enabled == nil && revision == nil {
		return nil, nil
	}
	if len(enabled) > 1 || len(revision) != 0 && len(revision) != 8 {
		return nil, fmt.Errorf("%w: settings of authentication", etcddb.ErrCorrupt)
	}
	s := &auth.Settings{Enabled: len(enabled) == 1 && enabled[0] == 1}
	if len(revision) == 8 {
		s.Revision = binary.BigEndian.Uint64(revision)
	}
	return s, nil
}

// exportUsers is importUsers' way back.
func exportUsers(s *storage.Saved, w *etcddb.Writer) error {
	settings, err := auth.ReadSettings(s)
	if err != nil {
		return err
	}
	enabled := []byte{0}
	if settings.Enabled {
		enabled[0] = 1
	}
	if err := w.Put(etcddb.BucketAuth, []byte(etcddb.AuthEnabled), enabled); err != nil {
		return err
	}
	revision := binary.BigEndian.AppendUint64(nil, settings.Revision)
	if err := w.Put(etcddb.BucketAuth, []byte(etcddb.AuthRevision), revision); err != nil {
		return err
	}
	if err := copyRecords(s, storage.TableAuthUsers, w, etcddb.BucketUsers); err != nil {
		return err
	}
	return copyRecords(s, storage.TableAuthRoles, w, etcddb.BucketRoles)
}

// copyRecords writes a table's records as a bucket's entries.
func copyRecords(s *storage.Saved, t storage.Table, w *etcddb.Writer, bucket string) error {
	records, err := s.Records(t)
	if err != nil {
		return err
	}
	for _, rec := range records {
		if err := w.Put(bucket, rec.Key, rec.Value); err != nil {
			return err
		}
	}
	return nil
}
