package auth

import (
	"encoding/binary"

	"go.etcd.io/etcd/api/v3/authpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/storage"
)

// edit is a change under way: the same is done to the records and to a copy of the view. The first error of the records
// stays.
type edit struct {
	s   *Store
	w   Writer
	v   *View
	err error
}

// edit begins a change of the newest view.
func (s *Store) edit(w Writer) *edit { return &edit{s: s, w: w, v: s.NextView().clone()} }

func (e *edit) set(t storage.Table, key, value []byte) {
	if e.err == nil {
		e.err = e.w.SetRecord(t, key, value)
	}
}

func (e *edit) setMessage(t storage.Table, key []byte, m proto.Message) {
	value, err := encode(m)
	if err != nil && e.err == nil {
		e.err = err
	}
	e.set(t, key, value)
}

func (e *edit) delete(t storage.Table, key []byte) {
	if e.err == nil {
		e.err = e.w.DeleteRecord(t, key)
	}
}

func (e *edit) setUser(u *authpb.User) {
	e.setMessage(storage.TableAuthUsers, u.GetName(), u)
	e.v.setUser(u)
}

func (e *edit) deleteUser(name string) {
	e.delete(storage.TableAuthUsers, []byte(name))
	delete(e.v.users, name)
}

// setRole writes a role; its users' permissions follow.
func (e *edit) setRole(r *authpb.Role) {
	e.setMessage(storage.TableAuthRoles, r.GetName(), r)
	name := string(r.GetName())
	e.v.roles[name] = r
	for _, u := range e.v.usersWith(name) {
		e.v.setUser(u.record)
	}
}

// deleteRole removes a role, also from its users.
func (e *edit) deleteRole(name string) {
	e.delete(storage.TableAuthRoles, []byte(name))
	delete(e.v.roles, name)
	for _, u := range e.v.usersWith(name) {
		e.setUser(withRoles(u.record, without(u.record.GetRoles(), name)))
	}
}

// setEnabled turns authentication on or off.
func (e *edit) setEnabled(on bool) {
	e.v.enabled = on
	value := []byte{0}
	if on {
		value[0] = 1
	}
	e.set(storage.TableAuth, keyEnabled, value)
}

// raise counts the change (I3).
func (e *edit) raise() {
	e.v.revision++
	e.set(storage.TableAuth, keyRevision, binary.BigEndian.AppendUint64(nil, e.v.revision))
}

// done makes the copy the next view.
func (e *edit) done(message string, args ...any) error {
	if e.err != nil {
		return e.err
	}
	e.s.next = e.v
	e.s.logger.Info(message, args...)
	return nil
}
