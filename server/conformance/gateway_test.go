package conformance

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// object is a JSON object.
type object = map[string]any

// b64 is how JSON carries bytes.
func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// send sends an HTTP request to the client port; header is name, value, name, value.
func (e *env) send(t *testing.T, method, path, body string, header ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(e.ctx, method, e.cluster.Member(0).ClientURL+path, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// text sends a request and reads the whole answer.
func (e *env) text(t *testing.T, method, path, body string, header ...string) (int, string) {
	t.Helper()
	resp := e.send(t, method, path, body, header...)
	data, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(data)
}

// post calls one RPC by the gateway.
func (e *env) post(t *testing.T, path string, body any, header ...string) (int, object) {
	t.Helper()
	data, err := json.Marshal(body)
	require.NoError(t, err)
	code, text := e.text(t, http.MethodPost, path, string(data), header...)
	var answer object
	require.NoError(t, json.Unmarshal([]byte(text), &answer), "%d %s", code, text)
	return code, answer
}

// ok calls one RPC that must succeed.
func (e *env) ok(t *testing.T, path string, body any, header ...string) object {
	t.Helper()
	code, answer := e.post(t, path, body, header...)
	require.Equal(t, http.StatusOK, code, "%v", answer)
	return answer
}

// gatewayCases: RPCs as JSON.
func gatewayCases(s *suite) {
	s.run("put_and_range", func(t *testing.T, e *env) {
		put := e.ok(t, "/v3/kv/put", object{"key": b64(e.prefix + "a"), "value": b64("1")})
		require.ElementsMatch(t, []string{"header"}, keysOf(put))
		require.ElementsMatch(t, []string{"cluster_id", "member_id", "revision", "raft_term"}, keysOf(put["header"]))
		revision := put["header"].(object)["revision"]
		require.IsType(t, "", revision, "64-bit numbers are strings")
		got := e.ok(t, "/v3/kv/range", object{"key": b64(e.prefix + "a")})
		require.Equal(t, "1", got["count"])
		require.Equal(t, []any{object{
			"key": b64(e.prefix + "a"), "value": b64("1"), "create_revision": revision, "mod_revision": revision, "version": "1",
		}}, got["kvs"])
		require.NotContains(t, got, "more", "zero values are left out")
		require.NotContains(t, e.ok(t, "/v3/kv/range", object{"key": b64(e.prefix + "none")}), "count")
	})
	s.run("field_names_and_numbers", func(t *testing.T, e *env) {
		for _, name := range []string{"a", "b", "c"} {
			e.put(t, name, name)
		}
		from, to := b64(e.prefix+"a"), b64(e.prefix+"z")
		for _, body := range []object{
			{"key": from, "range_end": to, "limit": "2", "sort_order": "DESCEND", "sort_target": "KEY"},
			{"key": from, "rangeEnd": to, "limit": 2, "sortOrder": "DESCEND", "sortTarget": "KEY"},
			{"key": from, "range_end": to, "limit": 2, "sort_order": 2, "sort_target": 0, "unknown": object{"x": 1}},
		} {
			got := e.ok(t, "/v3/kv/range", body)
			require.Equal(t, "3", got["count"])
			require.Equal(t, true, got["more"])
			require.Len(t, got["kvs"], 2)
			require.Equal(t, b64(e.prefix+"c"), got["kvs"].([]any)[0].(object)["key"])
		}
	})
	s.run("txn", func(t *testing.T, e *env) {
		key := b64(e.prefix + "a")
		body := object{
			"compare": []object{{"key": key, "target": "VERSION", "result": "EQUAL", "version": "0"}},
			"success": []object{{"requestPut": object{"key": key, "value": b64("1")}}},
			"failure": []object{{"request_range": object{"key": key}}},
		}
		first := e.ok(t, "/v3/kv/txn", body)
		require.Equal(t, true, first["succeeded"])
		require.Contains(t, first["responses"].([]any)[0], "response_put")
		second := e.ok(t, "/v3/kv/txn", body)
		require.NotContains(t, second, "succeeded")
		kvs := second["responses"].([]any)[0].(object)["response_range"].(object)["kvs"].([]any)
		require.Equal(t, b64("1"), kvs[0].(object)["value"])
	})
	s.run("delete", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		got := e.ok(t, "/v3/kv/deleterange", object{"key": b64(e.prefix + "a"), "prev_kv": true})
		require.Equal(t, "1", got["deleted"])
		require.Len(t, got["prev_kvs"], 1)
	})
	for _, base := range []string{"/v3/lease/", "/v3/kv/lease/"} {
		s.run("leases"+strings.ReplaceAll(base, "/", "_"), func(t *testing.T, e *env) {
			grant := e.ok(t, "/v3/lease/grant", object{"TTL": 500})
			id := grant["ID"].(string)
			require.Equal(t, "500", grant["TTL"])
			e.ok(t, "/v3/kv/put", object{"key": b64(e.prefix + "a"), "lease": id})
			ttl := e.ok(t, base+"timetolive", object{"ID": id, "keys": true})
			require.Equal(t, "500", ttl["grantedTTL"])
			require.Equal(t, []any{b64(e.prefix + "a")}, ttl["keys"])
			require.Contains(t, e.ok(t, base+"leases", object{})["leases"], object{"ID": id})
			e.ok(t, base+"revoke", object{"ID": id})
			require.Nil(t, e.get(t, "a"))
			require.Equal(t, "-1", e.ok(t, base+"timetolive", object{"ID": id})["TTL"])
		})
	}
	s.run("cluster_and_maintenance", func(t *testing.T, e *env) {
		members := e.ok(t, "/v3/cluster/member/list", object{})["members"].([]any)
		require.Len(t, members, 1)
		require.ElementsMatch(t, []string{"ID", "name", "peerURLs", "clientURLs"}, keysOf(members[0]))
		status := e.ok(t, "/v3/maintenance/status", object{})
		require.Equal(t, members[0].(object)["ID"], status["leader"])
		require.IsType(t, "", status["raftIndex"])
		if e.target.has(hashByGateway) {
			require.IsType(t, 0.0, e.ok(t, "/v3/maintenance/hashkv", object{})["hash"], "32-bit numbers are numbers")
		}
		require.NotContains(t, e.ok(t, "/v3/maintenance/alarm", object{}), "alarms")
		e.ok(t, "/v3/maintenance/defragment", object{})
	})
	s.run("empty_body_is_an_empty_request", func(t *testing.T, e *env) {
		code, text := e.text(t, http.MethodPost, "/v3/cluster/member/list", "")
		require.Equal(t, http.StatusOK, code, text)
		code, _ = e.text(t, http.MethodPost, "/v3/kv/range", "")
		require.Equal(t, http.StatusBadRequest, code, "the key is empty")
	})
	s.run("old_path", func(t *testing.T, e *env) {
		e.ok(t, "/v3beta/kv/range", object{"key": b64("a")})
		code, text := e.text(t, http.MethodPost, "/v3alpha/kv/range", "{}")
		require.Equal(t, http.StatusNotFound, code)
		require.Equal(t, "404 page not found\n", text)
	})
	s.run("content_type_of_the_request_does_not_matter", func(t *testing.T, e *env) {
		for _, kind := range []string{"application/json", "text/plain", "application/x-www-form-urlencoded", ""} {
			require.Contains(t, e.ok(t, "/v3/kv/range", object{"key": b64("a")}, "Content-Type", kind), "header")
		}
	})
	s.run("headers", func(t *testing.T, e *env) {
		resp := e.send(t, http.MethodPost, "/v3/kv/range", `{"key":"YQ=="}`)
		require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
		require.Equal(t, "application/grpc", resp.Header.Get("Grpc-Metadata-Content-Type"))
		require.Equal(t, "*", resp.Header.Get("Access-Control-Allow-Origin"))
	})
	s.run("metadata_and_deadline", func(t *testing.T, e *env) {
		e.ok(t, "/v3/kv/range", object{"key": b64("a")}, "Grpc-Metadata-hasleader", "true", "Grpc-Timeout", "10S")
		code, answer := e.post(t, "/v3/kv/range", object{"key": b64("a")}, "Grpc-Timeout", "1n")
		require.Equal(t, http.StatusGatewayTimeout, code, "%v", answer)
		code, answer = e.post(t, "/v3/kv/range", object{"key": b64("a")}, "Grpc-Timeout", "soon")
		require.Equal(t, http.StatusBadRequest, code, "%v", answer)
	})
	gatewayErrorCases(s)
}

// gatewayRoutes are all paths of the gateway.
var gatewayRoutes = []string{
	"kv/range", "kv/put", "kv/deleterange", "kv/txn", "kv/compaction", "kv/lease/revoke", "kv/lease/timetolive", "kv/lease/leases",
	"watch", "lease/grant", "lease/revoke", "lease/keepalive", "lease/timetolive", "lease/leases",
	"cluster/member/add", "cluster/member/remove", "cluster/member/update", "cluster/member/list", "cluster/member/promote",
	"maintenance/alarm", "maintenance/status", "maintenance/defragment", "maintenance/hash", "maintenance/hashkv",
	"maintenance/snapshot", "maintenance/transfer-leadership", "maintenance/downgrade",
	"auth/enable", "auth/disable", "auth/status", "auth/authenticate",
	"auth/user/add", "auth/user/get", "auth/user/list", "auth/user/delete", "auth/user/changepw", "auth/user/grant", "auth/user/revoke",
	"auth/role/add", "auth/role/get", "auth/role/list", "auth/role/delete", "auth/role/grant", "auth/role/revoke",
	"lock/lock", "lock/unlock", "election/campaign", "election/proclaim", "election/leader", "election/observe", "election/resign",
}

// gatewayErrorCases: errors, their codes and their form.
func gatewayErrorCases(s *suite) {
	for name, tc := range map[string]struct {
		path, body string
		status     int
		code       float64
		message    string
	}{
		"empty_key":       {"kv/put", `{}`, 400, 3, "etcdserver: key is not provided"},
		"future_revision": {"kv/range", `{"key":"YQ==","revision":"99999999"}`, 400, 11, "etcdserver: mvcc: required revision is a future revision"},
		"no_such_lease":   {"lease/revoke", `{"ID":"-77"}`, 404, 5, "etcdserver: requested lease not found"},
		"no_such_member":  {"cluster/member/remove", `{"ID":"77"}`, 404, 5, "etcdserver: member not found"},
		"txn_duplicate":   {"kv/txn", `{"success":[{"requestPut":{"key":"YQ=="}},{"requestPut":{"key":"YQ=="}}]}`, 400, 3, "etcdserver: duplicate key given in txn request"},
		"lease_too_large": {"lease/grant", `{"TTL":"9000000001"}`, 400, 11, "etcdserver: too large lease TTL"},
		"no_auth":         {"auth/authenticate", `{"name":"a","password":"b"}`, 400, 9, "etcdserver: authentication is not enabled"},
		"bad_transferee":  {"maintenance/transfer-leadership", `{"targetID":"5"}`, 400, 9, "etcdserver: bad leader transferee"},
	} {
		s.run("error_"+name, func(t *testing.T, e *env) {
			status, text := e.text(t, http.MethodPost, "/v3/"+tc.path, tc.body)
			if tc.code != 9 || e.target.has(gatewayErrors) { // FailedPrecondition was 412
				require.Equal(t, tc.status, status, text)
			}
			var answer object
			require.NoError(t, json.Unmarshal([]byte(text), &answer), text)
			require.Equal(t, tc.code, answer["code"])
			require.Equal(t, tc.message, answer["message"])
			if e.target.has(gatewayErrors) {
				require.ElementsMatch(t, []string{"code", "message"}, keysOf(answer))
			}
		})
	}
	for name, body := range map[string]string{
		"no_json": "nonsense", "array": "[]", "number_for_bytes": `{"key":1}`, "no_base64": `{"key":"!!"}`, "text_for_number": `{"key":"YQ==","limit":"many"}`,
		"fraction": `{"key":"YQ==","limit":1.5}`, "cut_off": `{"key":"YQ=="`,
	} {
		s.run("malformed_"+name, func(t *testing.T, e *env) {
			if name == "number_for_bytes" {
				needs(t, e, gatewayErrors)
			}
			status, text := e.text(t, http.MethodPost, "/v3/kv/range", body)
			require.Equal(t, http.StatusBadRequest, status, text)
			var answer object
			require.NoError(t, json.Unmarshal([]byte(text), &answer), text)
			require.EqualValues(t, 3, answer["code"])
			require.NotEmpty(t, answer["message"])
		})
	}
	s.run("every_route_takes_post_only", func(t *testing.T, e *env) {
		needs(t, e, gatewayErrors)
		for _, route := range gatewayRoutes {
			status, text := e.text(t, http.MethodGet, "/v3/"+route, "")
			require.Equal(t, http.StatusNotImplemented, status, "%s: %s", route, text)
			require.JSONEq(t, `{"code":12,"message":"Method Not Allowed"}`, text)
		}
		require.Len(t, gatewayRoutes, 51)
	})
	s.run("unknown_route", func(t *testing.T, e *env) {
		for _, path := range []string{"/v3/", "/v3/nonsense", "/v3/kv/rangestream", "/v3/kv/range/more"} {
			status, text := e.text(t, http.MethodPost, path, "{}")
			require.Equal(t, http.StatusNotFound, status, "%s: %s", path, text)
			if e.target.has(gatewayErrors) {
				require.JSONEq(t, `{"code":5,"message":"Not Found"}`, text)
			}
		}
	})
	s.run("body_too_large", func(t *testing.T, e *env) {
		for _, n := range []int{1_600_000, 3_000_000, 20_000_000} {
			status, text := e.text(t, http.MethodPost, "/v3/kv/put", `{"key":"YQ==","value":"`+strings.Repeat("A", n/3*4)+`"}`)
			require.Contains(t, []int{http.StatusBadRequest, http.StatusTooManyRequests}, status)
			require.Regexp(t, "too large|larger than max", text)
		}
		e.put(t, "still_serves", "1")
	})
}

// keysOf are a JSON object's.
func keysOf(v any) []string {
	names := []string{}
	for name := range v.(object) {
		names = append(names, name)
	}
	return names
}
