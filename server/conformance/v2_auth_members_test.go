package conformance

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// v2AuthMemberCases: what is changed on one member of three counts on the others, also for a password that they have
// already found to be right.
func v2AuthMemberCases(s *suite) {
	on := func(e *env, member int) v2Caller { return v2Caller{url: e.cluster.Member(member).ClientURL} }
	status := func(t *testing.T, c v2Caller, line string) int {
		code, _ := c.do(t, line, "")
		return code
	}
	s.run("on", func(t *testing.T, e *env) {
		on(e, 0).lockUp(t)
		for i := range 3 {
			e.until(t, "authentication is on", func() bool {
				return status(t, on(e, i), "GET /keys/out/a") == http.StatusUnauthorized &&
					status(t, on(e, i).user("ann:a"), "GET /keys/in/a") == http.StatusOK
			})
			on(e, i).user("ann:a").is(t, http.StatusOK, "GET /keys/in/a", "")
		}
	})
	s.run("a_new_password", func(t *testing.T, e *env) {
		on(e, 1).user("root:r").must(t, "PUT /auth/users/ann", `{"user":"ann","password":"b"}`)
		for i := range 3 {
			e.until(t, "the new password counts", func() bool {
				return status(t, on(e, i).user("ann:b"), "GET /keys/in/a") == http.StatusOK
			})
			on(e, i).user("ann:a").is(t, http.StatusUnauthorized, "GET /keys/in/a", "")
		}
	})
	s.run("a_role_that_is_revoked", func(t *testing.T, e *env) {
		on(e, 2).user("root:r").must(t, "PUT /auth/users/ann", `{"user":"ann","revoke":["in"]}`)
		for i := range 3 {
			e.until(t, "the role is gone", func() bool {
				return status(t, on(e, i).user("ann:b"), "GET /keys/in/a") == http.StatusUnauthorized
			})
		}
		on(e, 0).user("root:r").must(t, "PUT /auth/users/ann", `{"user":"ann","grant":["in"]}`)
	})
	s.run("a_member_that_starts_again", func(t *testing.T, e *env) {
		require.NoError(t, e.cluster.Member(2).Restart())
		require.NoError(t, e.cluster.Member(2).WaitHealthy(e.ctx))
		e.until(t, "the member knows its users", func() bool {
			return status(t, on(e, 2).user("ann:b"), "GET /keys/in/a") == http.StatusOK
		})
		on(e, 2).is(t, http.StatusUnauthorized, "GET /keys/in/a", "")
	})
	s.run("a_user_who_is_removed", func(t *testing.T, e *env) {
		on(e, 0).user("root:r").must(t, "DELETE /auth/users/ann", "")
		for i := range 3 {
			e.until(t, "the user is gone", func() bool {
				return status(t, on(e, i).user("ann:b"), "GET /keys/in/a") == http.StatusUnauthorized
			})
		}
	})
	s.run("off", func(t *testing.T, e *env) {
		on(e, 1).user("root:r").must(t, "DELETE /auth/enable", "")
		for i := range 3 {
			e.until(t, "authentication is off", func() bool { return status(t, on(e, i), "GET /keys/out/a") == http.StatusOK })
		}
	})
}
