package auth

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/etcd/api/v3/authpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/storage"
)

// Keys of storage.TableAuth. Values: one byte; the revision as eight big-endian bytes, as etcd has it.
var (
	keyEnabled  = []byte("enabled")
	keyRevision = []byte("revision")
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

// load reads what a state holds.
func load(r Reader) (*View, error) {
	v := emptyView()
	if err := v.loadSettings(r); err != nil {
		return nil, err
	}
	roles, err := r.Records(storage.TableAuthRoles)
	if err != nil {
		return nil, fmt.Errorf("auth: read roles: %w", err)
	}
	for _, rec := range roles {
		role, err := decodeRole(rec)
		if err != nil {
			return nil, err
		}
		v.roles[string(rec.Key)] = role
	}
	users, err := r.Records(storage.TableAuthUsers)
	if err != nil {
		return nil, fmt.Errorf("auth: read users: %w", err)
	}
	for _, rec := range users {
		u, err := decodeUser(rec)
		if err != nil {
			return nil, err
		}
		v.setUser(u)
	}
	return v, nil
}

func (v *View) loadSettings(r Reader) error {
	enabled, err := r.Record(storage.TableAuth, keyEnabled)
	if err != nil {
		return fmt.Errorf("auth: read whether it is on: %w", err)
	}
	revision, err := r.Record(storage.TableAuth, keyRevision)
	if err != nil {
		return fmt.Errorf("auth: read revision: %w", err)
	}
	if len(enabled) > 1 || revision != nil && len(revision) != 8 {
		return fmt.Errorf("%w: settings %x, %x", ErrCorrupt, enabled, revision)
	}
	v.enabled = len(enabled) == 1 && enabled[0] == 1
	if revision != nil {
		v.revision = binary.BigEndian.Uint64(revision)
	}
	return nil
}

// decodeUser reads a record of storage.TableAuthUsers. Its error shows no value: that holds a password's hash.
func decodeUser(rec storage.Record) (*authpb.User, error) {
	u := &authpb.User{}
	if err := proto.Unmarshal(rec.Value, u); err != nil || string(u.GetName()) != string(rec.Key) {
		return nil, fmt.Errorf("%w: user %q", ErrCorrupt, rec.Key)
	}
	return u, nil
}

// decodeRole reads a record of storage.TableAuthRoles.
func decodeRole(rec storage.Record) (*authpb.Role, error) {
	r := &authpb.Role{}
	if err := proto.Unmarshal(rec.Value, r); err != nil || string(r.GetName()) != string(rec.Key) {
		return nil, fmt.Errorf("%w: role %q", ErrCorrupt, rec.Key)
	}
	return r, nil
}

// encode is a record's value. Members encode alike, because their states must be equal.
func encode(m proto.Message) ([]byte, error) {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("auth: encode a record: %w", err)
	}
	if b == nil {
		b = []byte{}
	}
	return b, nil
}
