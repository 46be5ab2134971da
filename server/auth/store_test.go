package auth

import (
	"bytes"
	"encoding/base64"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/authpb"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/petcd/petcd/storage"
)

// tables are a state that holds small records only.
type tables map[storage.Table]map[string][]byte

func (m tables) SetRecord(t storage.Table, key, value []byte) error {
	if m[t] == nil {
		m[t] = map[string][]byte{}
	}
	m[t][string(key)] = bytes.Clone(value)
	return nil
}

func (m tables) DeleteRecord(t storage.Table, key []byte) error {
	delete(m[t], string(key))
	return nil
}

func (m tables) Record(t storage.Table, key []byte) ([]byte, error) { return m[t][string(key)], nil }

func (m tables) Records(t storage.Table) (records []storage.Record, err error) {
	for _, key := range slices.Sorted(maps.Keys(m[t])) {
		records = append(records, storage.Record{Key: []byte(key), Value: m[t][key]})
	}
	return records, nil
}

func newStore(t require.TestingT, token string) *Store {
	s, err := New(Config{Token: token, BcryptCost: 4})
	require.NoError(t, err)
	return s
}

// encoded is a password's stand-in where nobody compares it.
func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// realm is a store with the users root and ann, who has the role r, and authentication on.
func realm(t require.TestingT, token string) (*Store, tables) {
	s, w := newStore(t, token), tables{}
	for _, err := range []error{
		s.UserAdd(w, &pb.AuthUserAddRequest{Name: Root, HashedPassword: encoded("x")}),
		s.UserGrantRole(w, &pb.AuthUserGrantRoleRequest{User: Root, Role: Root}),
		s.UserAdd(w, &pb.AuthUserAddRequest{Name: "ann", HashedPassword: encoded("x")}),
		s.RoleAdd(w, &pb.AuthRoleAddRequest{Name: "r"}),
		s.UserGrantRole(w, &pb.AuthUserGrantRoleRequest{User: "ann", Role: "r"}),
		s.Enable(w),
	} {
		require.NoError(t, err)
	}
	s.Publish()
	return s, w
}

func TestEnableNeedsRoot(t *testing.T) {
	s, w := newStore(t, "simple"), tables{}
	require.ErrorIs(t, s.Enable(w), ErrRootUserNotExist)
	require.NoError(t, s.UserAdd(w, &pb.AuthUserAddRequest{Name: Root}))
	require.ErrorIs(t, s.Enable(w), ErrRootRoleNotExist)
	require.NoError(t, s.UserGrantRole(w, &pb.AuthUserGrantRoleRequest{User: Root, Role: Root}))
	require.NoError(t, s.Enable(w))
	require.False(t, s.Enabled(), "not published yet")
	s.Publish()
	require.True(t, s.Enabled())
	require.EqualValues(t, 3, s.View().Revision(), "two changes; turning it on is none")
	require.NoError(t, s.Enable(w), "again")
}

func TestRootStaysWhileEnabled(t *testing.T) {
	s, w := realm(t, "simple")
	require.ErrorIs(t, s.UserDelete(w, &pb.AuthUserDeleteRequest{Name: Root}), ErrInvalidManagement)
	require.ErrorIs(t, s.RoleDelete(w, &pb.AuthRoleDeleteRequest{Role: Root}), ErrInvalidManagement)
	require.ErrorIs(t, s.UserRevokeRole(w, &pb.AuthUserRevokeRoleRequest{Name: Root, Role: Root}), ErrInvalidManagement)
	require.NoError(t, s.Disable(w))
	require.NoError(t, s.UserDelete(w, &pb.AuthUserDeleteRequest{Name: Root}))
}

func TestChecksAndTheirOrder(t *testing.T) {
	s, w := realm(t, "simple")
	require.NoError(t, s.RoleGrantPermission(w, &pb.AuthRoleGrantPermissionRequest{Name: "r",
		Perm: &authpb.Permission{PermType: authpb.Permission_READ, Key: []byte("a"), RangeEnd: []byte("c")}}))
	s.Publish()
	v := s.View()
	now := v.Revision()
	k := []byte("a")
	require.ErrorIs(t, v.MayRead(Caller{}, k, nil), ErrUserEmpty)
	require.ErrorIs(t, v.MayRead(Caller{"nobody", now - 1}, k, nil), ErrOldRevision, "before the look at the user")
	require.ErrorIs(t, v.MayRead(Caller{"nobody", now}, k, nil), ErrPermissionDenied)
	require.NoError(t, v.MayRead(Caller{"ann", now}, k, []byte("c")))
	require.ErrorIs(t, v.MayRead(Caller{"ann", now}, k, []byte("d")), ErrPermissionDenied)
	require.ErrorIs(t, v.MayWrite(Caller{"ann", now}, k, nil), ErrPermissionDenied)
	require.NoError(t, v.MayWrite(Caller{Root, now}, k, []byte{0}))
	require.ErrorIs(t, v.MayAdministrate(Caller{}), ErrUserEmpty)
	require.ErrorIs(t, v.MayAdministrate(Caller{"nobody", now}), ErrUserNotFound)
	require.ErrorIs(t, v.MayAdministrate(Caller{"ann", now}), ErrPermissionDenied)
	require.NoError(t, v.MayAdministrate(Caller{Root, 1}), "whatever the revision")
	require.NoError(t, s.Disable(w))
	s.Publish()
	require.NoError(t, s.View().MayWrite(Caller{}, k, nil))
	require.NoError(t, s.View().MayAdministrate(Caller{}))
}

// TestAViewNeverChanges keeps a view while everything about it is changed.
func TestAViewNeverChanges(t *testing.T) {
	s, w := realm(t, "simple")
	before := s.View()
	require.NoError(t, s.RoleGrantPermission(w, &pb.AuthRoleGrantPermissionRequest{Name: "r",
		Perm: &authpb.Permission{PermType: authpb.Permission_READWRITE, Key: []byte("a")}}))
	require.NoError(t, s.UserDelete(w, &pb.AuthUserDeleteRequest{Name: "ann"}))
	s.Publish()
	require.ErrorIs(t, before.MayRead(Caller{"ann", before.Revision()}, []byte("a"), nil), ErrPermissionDenied)
	require.True(t, before.HasRole("ann", "r"))
	perms, err := before.RolePermissions("r")
	require.NoError(t, err)
	require.Empty(t, perms)
}

// TestRecordsAreTheView makes random changes, and reads the records into another store: both must say the same, and a
// refused change must leave the records as they were.
func TestRecordsAreTheView(t *testing.T) {
	name := rapid.SampledFrom([]string{"", Root, "ann", "ben"})
	role := rapid.SampledFrom([]string{"", Root, "r", "s"})
	key := rapid.SampledFrom([][]byte{nil, []byte("a"), []byte("b"), []byte("c")})
	end := rapid.SampledFrom([][]byte{nil, {0}, []byte("b"), []byte("d")})
	rapid.Check(t, func(t *rapid.T) {
		s, w := newStore(t, "simple"), tables{}
		perm := func() *authpb.Permission {
			return &authpb.Permission{Key: key.Draw(t, "key"), RangeEnd: end.Draw(t, "end"),
				PermType: authpb.Permission_Type(rapid.IntRange(0, 2).Draw(t, "type"))}
		}
		changes := []func() error{
			func() error { return s.Enable(w) },
			func() error { return s.Disable(w) },
			func() error {
				return s.UserAdd(w, &pb.AuthUserAddRequest{Name: name.Draw(t, "user"), HashedPassword: rapid.SampledFrom([]string{"", "eA==", "?"}).Draw(t, "hash"),
					Options: &authpb.UserAddOptions{NoPassword: rapid.Bool().Draw(t, "without")}})
			},
			func() error { return s.UserDelete(w, &pb.AuthUserDeleteRequest{Name: name.Draw(t, "user")}) },
			func() error {
				return s.UserChangePassword(w, &pb.AuthUserChangePasswordRequest{Name: name.Draw(t, "user"), HashedPassword: "eQ=="})
			},
			func() error {
				return s.UserGrantRole(w, &pb.AuthUserGrantRoleRequest{User: name.Draw(t, "user"), Role: role.Draw(t, "role")})
			},
			func() error {
				return s.UserRevokeRole(w, &pb.AuthUserRevokeRoleRequest{Name: name.Draw(t, "user"), Role: role.Draw(t, "role")})
			},
			func() error { return s.RoleAdd(w, &pb.AuthRoleAddRequest{Name: role.Draw(t, "role")}) },
			func() error { return s.RoleDelete(w, &pb.AuthRoleDeleteRequest{Role: role.Draw(t, "role")}) },
			func() error {
				return s.RoleGrantPermission(w, &pb.AuthRoleGrantPermissionRequest{Name: role.Draw(t, "role"), Perm: perm()})
			},
			func() error {
				return s.RoleRevokePermission(w, &pb.AuthRoleRevokePermissionRequest{Role: role.Draw(t, "role"), Key: key.Draw(t, "key"), RangeEnd: end.Draw(t, "end")})
			},
		}
		for range rapid.IntRange(1, 30).Draw(t, "changes") {
			before, revision := copied(w), s.NextView().Revision()
			err := rapid.SampledFrom(changes).Draw(t, "change")()
			if err != nil {
				require.True(t, IsRefusal(err), "%v", err)
				require.Equal(t, before, w, "a refused change")
				require.Equal(t, revision, s.NextView().Revision())
			}
			s.Publish()
			other := newStore(t, "simple")
			require.NoError(t, other.Load(w))
			requireEqual(t, s.View(), other.View())
		}
	})
}

func copied(w tables) tables {
	c := tables{}
	for t, records := range w {
		c[t] = maps.Clone(records)
	}
	return c
}

func requireEqual(t require.TestingT, a, b *View) {
	require.Equal(t, a.enabled, b.enabled)
	require.Equal(t, a.revision, b.revision)
	require.Equal(t, a.Roles(), b.Roles())
	require.Equal(t, a.Users(), b.Users())
	for _, name := range a.Users() {
		x, y := a.users[name], b.users[name]
		require.True(t, proto.Equal(x.record, y.record), name)
		require.Equal(t, x.isRoot, y.isRoot)
		require.Equal(t, len(x.read), len(y.read))
		for i := range x.read {
			require.True(t, bytes.Equal(x.read[i].begin, y.read[i].begin) && bytes.Equal(x.read[i].end, y.read[i].end))
		}
	}
}

func TestDamagedRecords(t *testing.T) {
	for name, damage := range map[string]func(tables){
		"user":     func(w tables) { w[storage.TableAuthUsers]["ann"] = []byte{0xff} },
		"name":     func(w tables) { w[storage.TableAuthUsers]["x"] = w[storage.TableAuthUsers]["ann"] },
		"role":     func(w tables) { w[storage.TableAuthRoles]["r"] = []byte{0x0a, 9} },
		"revision": func(w tables) { w[storage.TableAuth]["revision"] = []byte{1} },
		"enabled":  func(w tables) { w[storage.TableAuth]["enabled"] = []byte{1, 1} },
	} {
		t.Run(name, func(t *testing.T) {
			_, w := realm(t, "simple")
			damage(w)
			require.ErrorIs(t, newStore(t, "simple").Load(w), ErrCorrupt)
		})
	}
}

// FuzzLoad reads any record as a user's and a role's.
func FuzzLoad(f *testing.F) {
	_, w := realm(f, "simple")
	f.Add([]byte("ann"), w[storage.TableAuthUsers]["ann"])
	f.Add([]byte("r"), w[storage.TableAuthRoles]["r"])
	f.Fuzz(func(t *testing.T, key, value []byte) {
		for _, table := range []storage.Table{storage.TableAuthUsers, storage.TableAuthRoles} {
			s := newStore(t, "")
			if s.Load(tables{table: {string(key): value}}) == nil {
				_ = s.View().MayRead(Caller{string(key), 1}, []byte("k"), nil)
			}
		}
	})
}
