package v2auth

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/petcd/petcd/server/password"
	"github.com/petcd/petcd/server/v2pb"
)

// realm is a store with the user root (password "r"), a user ann ("a") with the role app, and authentication on.
func realm(t *testing.T) (*Store, *alone) {
	t.Helper()
	s, m := empty(t, nil)
	_, err := s.CreateUser(t.Context(), User{User: Root, Password: "r"})
	require.NoError(t, err)
	require.NoError(t, s.CreateRole(t.Context(), Role{Role: "app", Permissions: Permissions{KV: Patterns{Read: []string{"/app*"}}}}))
	_, err = s.CreateUser(t.Context(), User{User: "ann", Password: "a", Roles: []string{"app", "absent", "", "..", "../users/ann"}})
	require.NoError(t, err)
	require.NoError(t, s.Enable(t.Context()))
	return s, m
}

// empty is a store without users.
func empty(t *testing.T, logger *slog.Logger) (*Store, *alone) {
	t.Helper()
	m := newAlone(t)
	checker := password.NewChecker(bcrypt.MinCost, slog.New(slog.DiscardHandler))
	return New(Config{State: m, Log: m, Passwords: checker, ClientCertAuth: true, Logger: logger}), m
}

func from(name, password string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/v2/keys/app", nil)
	if name != "" || password != "" {
		r.SetBasicAuth(name, password)
	}
	return r
}

func requireRefused(t *testing.T, status int, message string, err error) {
	t.Helper()
	var refusal *Refusal
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, Refusal{Status: status, Message: message}, *refusal)
}

func TestNothingIsReadWhileNothingChanges(t *testing.T) {
	s, m := realm(t)
	judge := func() {
		require.True(t, s.Allows(from("ann", "a"), "/app", false, false))
		require.False(t, s.Allows(from("ann", "a"), "/other", false, false), "nor is a role that is not there looked for again")
		require.True(t, s.Allows(from("", ""), "/other", false, true))
		require.True(t, s.AllowsRoot(from(Root, "r")))
	}
	judge()
	before := m.reads.Load()
	judge()
	require.Equal(t, before, m.reads.Load())
	require.Equal(t, 2, s.passwords.Remembered())
	m.put(t, "/2/roles/absent", `{"role":"absent","permissions":{"kv":{"read":["/other"]}}}`)
	require.True(t, s.Allows(from("ann", "a"), "/other", false, false), "the next request sees the change")
}

func TestAPasswordIsRememberedForItsUserHashAndPeriodOnly(t *testing.T) {
	s, _ := realm(t)
	ann := func(password string) bool { return s.Allows(from("ann", password), "/app", false, false) }
	require.True(t, ann("a"))
	require.Equal(t, 1, s.passwords.Remembered())

	_, err := s.UpdateUser(t.Context(), User{User: "ann", Password: "b"})
	require.NoError(t, err)
	require.False(t, ann("a"), "changed")
	require.True(t, ann("b"))

	require.NoError(t, s.DeleteUser(t.Context(), "ann"))
	require.False(t, ann("b"), "removed")
	_, err = s.CreateUser(t.Context(), User{User: "ann", Password: "c", Roles: []string{"app"}})
	require.NoError(t, err)
	require.False(t, ann("b"), "added again")
	require.True(t, ann("c"))

	remembered := s.passwords.Remembered()
	require.NoError(t, s.Disable(t.Context()))
	require.True(t, ann("wrong"), "off")
	require.NoError(t, s.Enable(t.Context()))
	require.True(t, ann("c"))
	require.Equal(t, remembered+1, s.passwords.Remembered(), "compared anew after the switch was off")
}

func TestNoGrantOfARoleIsLost(t *testing.T) {
	s, m := realm(t)
	m.atOnce(t, "/2/users/ann", func(ctx context.Context, i int) error {
		_, err := s.UpdateUser(ctx, User{User: "ann", Grant: []string{fmt.Sprint("role", i)}})
		return err
	})
	u, err := s.User("ann")
	require.NoError(t, err)
	require.Subset(t, u.Roles, []string{"role0", "role1"})
}

func TestNoGrantOfAPermissionIsLost(t *testing.T) {
	s, m := realm(t)
	m.atOnce(t, "/2/roles/app", func(ctx context.Context, i int) error {
		_, err := s.UpdateRole(ctx, Role{Role: "app", Grant: &Permissions{KV: Patterns{Write: []string{fmt.Sprint("/", i)}}}})
		return err
	})
	r, err := s.Role("app")
	require.NoError(t, err)
	require.Equal(t, []string{"/0", "/1"}, r.Permissions.KV.Write)
}

func TestAUserWhoWasRemovedMeanwhileIsNotUpdated(t *testing.T) {
	s, m := realm(t)
	removed := false
	m.onRead = func(p string) {
		if p == "/2/users/ann" && !removed {
			removed = true
			m.do(t, &v2pb.Request{Method: "DELETE", Path: p})
		}
	}
	_, err := s.UpdateUser(t.Context(), User{User: "ann", Grant: []string{"x"}})
	requireRefused(t, http.StatusNotFound, "auth: User ann does not exist.", err)
}

func TestWhatCannotBeReadIsNotAllowed(t *testing.T) {
	s, m := realm(t)
	m.put(t, "/2/users/ann", `{"user":`)
	require.False(t, s.Allows(from("ann", "a"), "/app", false, false))
	m.put(t, "/2/roles/guest", `[]`)
	require.False(t, s.Allows(from("", ""), "/app", false, false))
	_, err := s.UpdateRole(t.Context(), Role{Role: "guest", Grant: &Permissions{KV: Patterns{Read: []string{"/"}}}})
	require.ErrorIs(t, err, errMalformed)

	m.failing = errors.New("disk")
	m.put(t, "/2/any", "")
	require.True(t, s.Enabled())
	require.False(t, s.AllowsRoot(from("", "")))
	m.failing = nil
	require.True(t, s.AllowsRoot(from(Root, "r")), "asked again")
}

func TestNamesThatAreNoNodesAreNobody(t *testing.T) {
	s, _ := realm(t)
	for _, name := range []string{"", ".", "..", "../enabled", "../roles/app", "/", "ann/", "ann/x", "nobody"} {
		require.False(t, s.Allows(from(name, "x"), "/app", false, false), "%q", name)
		require.False(t, s.AllowsRoot(from(name, "")), "%q", name)
		if name != "nobody" {
			_, err := s.CreateUser(t.Context(), User{User: name, Password: "x"})
			requireRefused(t, http.StatusBadRequest, fmt.Sprintf("auth: %q is not a name", name), err)
			require.Error(t, s.DeleteRole(t.Context(), name))
		}
	}
	require.Zero(t, s.passwords.Remembered())
}

func TestCertificatesNameUsers(t *testing.T) {
	s, _ := realm(t)
	with := func(names ...string) *http.Request {
		r := from("", "")
		r.TLS = &tls.ConnectionState{}
		for _, name := range names {
			r.TLS.VerifiedChains = append(r.TLS.VerifiedChains, []*x509.Certificate{
				{Subject: pkix.Name{CommonName: name}}, {Subject: pkix.Name{CommonName: Root}},
			})
		}
		return r
	}
	require.True(t, s.AllowsRoot(with(Root)))
	require.False(t, s.AllowsRoot(with("ann")), "the authority's name is nobody's")
	require.True(t, s.Allows(with("ann"), "/app", true, false))
	require.False(t, s.Allows(with("ann"), "/other", false, false))
	require.True(t, s.Allows(with("nobody"), "/other", false, true), "a guest")
	require.True(t, s.Allows(with(""), "/other", false, true), "a guest")
	require.False(t, s.AllowsRoot(with()))
	both := with(Root)
	both.SetBasicAuth("ann", "a")
	require.False(t, s.AllowsRoot(both), "who gives a password is whom it is of")
	s.certAuth = false
	require.False(t, s.AllowsRoot(with(Root)))
}

func TestPasswordsLongerThanBcryptReads(t *testing.T) {
	s, _ := realm(t)
	long := strings.Repeat("x", 100)
	_, err := s.UpdateUser(t.Context(), User{User: "ann", Password: long})
	require.NoError(t, err)
	require.True(t, s.Allows(from("ann", long), "/app", false, false))
	require.True(t, s.Allows(from("ann", long[:72]), "/app", false, false))
	require.False(t, s.Allows(from("ann", long[:71]), "/app", false, false))
}

func TestPasswordsAreNotLogged(t *testing.T) {
	var log bytes.Buffer
	s, _ := empty(t, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	_, err := s.CreateUser(t.Context(), User{User: Root, Password: "canary"})
	require.NoError(t, err)
	require.NoError(t, s.Enable(t.Context()))
	require.False(t, s.AllowsRoot(from(Root, "canary-not")))
	require.False(t, s.AllowsRoot(from("nobody", "canary-not")))
	require.True(t, s.AllowsRoot(from(Root, "canary")))
	require.Contains(t, log.String(), "incorrect password")
	require.NotContains(t, log.String(), "canary")
}

func TestPathsThatAreRefusedDoNotFillTheLog(t *testing.T) {
	var log bytes.Buffer
	s, _ := realm(t)
	s.logger = slog.New(slog.NewTextHandler(&log, nil))
	long := "/" + strings.Repeat("x", 1<<20)
	require.False(t, s.Allows(from("ann", "a"), long, false, true))
	require.NoError(t, s.DeleteRole(t.Context(), Guest))
	require.False(t, s.Allows(from("", ""), long, false, true))
	r := from("ann", "a")
	r.URL.Path = long
	require.False(t, s.AllowsRoot(r))
	require.Contains(t, log.String(), long[:100])
	require.Less(t, log.Len(), 2000)
}

// FuzzDocuments: what the tree holds may come from anybody's backup.
func FuzzDocuments(f *testing.F) {
	f.Add(`{"user":"root","password":"x","roles":null}`, "/a/", true)
	f.Add(`{"role":"r","permissions":{"kv":{"read":["","*","/a*"],"write":null}},"grant":{}}`, "", false)
	f.Fuzz(func(t *testing.T, document, key string, recursive bool) {
		if u, err := decodeUser(document); err == nil {
			_, _ = u.changed(User{Grant: u.Roles, Revoke: u.Grant}, "")
		} else {
			require.ErrorIs(t, err, errMalformed)
		}
		r, err := decodeRole(document)
		if err != nil {
			require.ErrorIs(t, err, errMalformed)
			return
		}
		if r.allows(key, recursive, false) && r.Role != Root {
			require.NotEmpty(t, r.Permissions.KV.Read)
		}
		if _, err := r.changed(r); err != nil {
			var refusal *Refusal
			require.ErrorAs(t, err, &refusal)
		}
	})
}
