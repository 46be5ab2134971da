package conformance

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// gatewayAuthCases: who calls by the gateway is told by a token alone, in every
// form it can come in; Lock and Election do what their caller may.
func gatewayAuthCases(s *suite) {
	const mine = "gateway_auth/mine/"
	login := func(t *testing.T, e *env, user string) string {
		t.Helper()
		return e.ok(t, "/v3/auth/authenticate", object{"name": user, "password": "secret-" + user})["token"].(string)
	}
	refused := func(t *testing.T, e *env, path string, body any, message string, header ...string) {
		t.Helper()
		code, answer := e.post(t, path, body, header...)
		require.NotEqual(t, http.StatusOK, code)
		require.Contains(t, answer["message"], message)
	}
	s.run("enable", func(t *testing.T, e *env) {
		for _, user := range []string{"root", "alice"} {
			e.ok(t, "/v3/auth/user/add", object{"name": user, "password": "secret-" + user})
		}
		for _, role := range []string{"root", "mine"} {
			e.ok(t, "/v3/auth/role/add", object{"name": role})
		}
		e.ok(t, "/v3/auth/role/grant", object{"name": "mine", "perm": object{
			"permType": "READWRITE", "key": b64(mine), "range_end": b64(clientv3.GetPrefixRangeEnd(mine)),
		}})
		e.ok(t, "/v3/auth/user/grant", object{"user": "root", "role": "root"})
		e.ok(t, "/v3/auth/user/grant", object{"user": "alice", "role": "mine"})
		require.Equal(t, []any{"mine"}, e.ok(t, "/v3/auth/user/get", object{"name": "alice"})["roles"])
		e.ok(t, "/v3/auth/enable", object{})
	})
	s.run("token", func(t *testing.T, e *env) {
		put := object{"key": b64(mine + "a"), "value": b64("1")}
		refused(t, e, "/v3/kv/put", put, "etcdserver: user name is empty")
		refused(t, e, "/v3/kv/put", put, "etcdserver: invalid auth token", "Authorization", "nonsense")
		refused(t, e, "/v3/auth/authenticate", object{"name": "alice", "password": "wrong"}, "etcdserver: authentication failed")
		token := login(t, e, "alice")
		e.ok(t, "/v3/kv/put", put, "Authorization", token)
		e.ok(t, "/v3/kv/put", put, "Grpc-Metadata-Token", token)
		if e.target.has(bearerToken) {
			e.ok(t, "/v3/kv/put", put, "Authorization", "Bearer "+token)
		}
		refused(t, e, "/v3/kv/put", object{"key": b64("gateway_auth/others")}, "etcdserver: permission denied", "Authorization", token)
		refused(t, e, "/v3/auth/user/list", object{}, "etcdserver: permission denied", "Authorization", token)
		require.Len(t, e.ok(t, "/v3/auth/user/list", object{}, "Authorization", login(t, e, "root"))["users"], 2)
	})
	s.run("watch_websocket", func(t *testing.T, e *env) {
		needs(t, e, bearerToken) // a websocket's token always begins with Bearer
		token := login(t, e, "alice")
		create := `{"create_request":{"key":"` + b64(mine+"a") + `"}}`
		for name, tc := range map[string]struct {
			header http.Header
			may    bool
		}{
			"protocol":     {http.Header{"Sec-Websocket-Protocol": {"Bearer, " + token}}, true},
			"cookie":       {http.Header{"Cookie": {"token=" + token}}, true},
			"nobody":       {nil, false},
			"not by query": {http.Header{"Authorization": {token}}, false},
		} {
			l, say := e.websocket(t, "/v3/watch", tc.header)
			say(create)
			first := l.result(t)
			if !tc.may && first["created"] == true && first["canceled"] == nil {
				first = l.result(t)
			}
			require.Equal(t, tc.may, first["canceled"] == nil, "%s: %v", name, first)
		}
	})
	s.run("lock", func(t *testing.T, e *env) {
		token := login(t, e, "alice")
		refused(t, e, "/v3/lock/lock", object{"name": b64(mine + "lock")}, "etcdserver: user name is empty")
		refused(t, e, "/v3/lock/lock", object{"name": b64("gateway_auth/others")}, "etcdserver: permission denied", "Authorization", token)
		got := e.ok(t, "/v3/lock/lock", object{"name": b64(mine + "lock")}, "Authorization", token)
		refused(t, e, "/v3/lock/unlock", object{"key": got["key"]}, "etcdserver: user name is empty")
		e.ok(t, "/v3/lock/unlock", object{"key": got["key"]}, "Authorization", token)
	})
	s.run("election", func(t *testing.T, e *env) {
		token := login(t, e, "alice")
		refused(t, e, "/v3/election/campaign", object{"name": b64("gateway_auth/others")}, "etcdserver: permission denied", "Authorization", token)
		refused(t, e, "/v3/election/leader", object{"name": b64("gateway_auth/others")}, "etcdserver: permission denied", "Authorization", token)
		got := e.ok(t, "/v3/election/campaign", object{"name": b64(mine + "election"), "value": b64("v")}, "Authorization", token)
		refused(t, e, "/v3/election/resign", object{"leader": got["leader"]}, "etcdserver: user name is empty")
		e.ok(t, "/v3/election/leader", object{"name": b64(mine + "election")}, "Authorization", token)
		e.ok(t, "/v3/election/resign", object{"leader": got["leader"]}, "Authorization", token)
	})
}
