package conformance

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
)

// lines are the answers of a stream.
type lines struct {
	next func() ([]byte, error)
}

// result reads the next answer.
func (l lines) result(t *testing.T) object {
	t.Helper()
	line, err := l.next()
	require.NoError(t, err)
	var answer struct{ Result, Error object }
	require.NoError(t, json.Unmarshal(line, &answer), string(line))
	require.Nil(t, answer.Error)
	return answer.Result
}

// stream opens a stream with all its requests at once.
func (e *env) stream(t *testing.T, path, body string) lines {
	t.Helper()
	resp := e.send(t, http.MethodPost, path, body)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	r := bufio.NewReader(resp.Body)
	return lines{func() ([]byte, error) { return r.ReadBytes('\n') }}
}

// websocket opens a stream over a websocket; say sends one more request.
func (e *env) websocket(t *testing.T, path string, header http.Header) (_ lines, say func(string)) {
	t.Helper()
	conn, resp, err := websocket.DefaultDialer.DialContext(e.ctx, "ws"+strings.TrimPrefix(e.cluster.Member(0).ClientURL, "http")+path, header)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	t.Cleanup(func() { _ = conn.Close() })
	deadline, _ := e.ctx.Deadline()
	require.NoError(t, conn.SetReadDeadline(deadline))
	return lines{func() ([]byte, error) {
			_, message, err := conn.ReadMessage()
			return message, err
		}}, func(request string) {
			t.Helper()
			require.NoError(t, conn.WriteMessage(websocket.TextMessage, []byte(request)))
		}
}

// gatewayStreamCases: watches, keep-alives and snapshots as lines of JSON and
// over websockets.
func gatewayStreamCases(s *suite) {
	create := func(e *env, more string) string {
		return fmt.Sprintf(`{"create_request":{"key":"%s","range_end":"%s"%s}}`, b64(e.prefix), b64(string(e.end())), more)
	}
	values := func(t *testing.T, l lines, n int) []string {
		t.Helper()
		var got []string
		for len(got) < n {
			for _, ev := range l.result(t)["events"].([]any) {
				got = append(got, ev.(object)["kv"].(object)["value"].(string))
			}
		}
		return got
	}
	s.run("watch", func(t *testing.T, e *env) {
		l := e.stream(t, "/v3/watch", create(e, ""))
		created := l.result(t)
		require.Equal(t, true, created["created"])
		require.NotContains(t, created, "watch_id", "0 is left out")
		for i := range 3 {
			e.put(t, "a", fmt.Sprint(i))
		}
		require.Equal(t, []string{b64("0"), b64("1"), b64("2")}, values(t, l, 3))
		e.del(t, "a")
		require.Equal(t, "DELETE", l.result(t)["events"].([]any)[0].(object)["type"])
	})
	s.run("watch_from_a_revision", func(t *testing.T, e *env) {
		first := e.put(t, "a", "1")
		e.put(t, "a", "2")
		l := e.stream(t, "/v3/watch", create(e, fmt.Sprintf(`,"start_revision":"%d","prev_kv":true`, first)))
		require.Equal(t, true, l.result(t)["created"])
		require.Equal(t, []string{b64("1"), b64("2")}, values(t, l, 2))
	})
	s.run("watch_many_on_one_stream", func(t *testing.T, e *env) {
		l := e.stream(t, "/v3/watch", create(e, `,"watch_id":"7"`)+"\n"+create(e, `,"watch_id":"9"`)+"\n"+`{"cancel_request":{"watch_id":"9"}}`)
		require.Equal(t, "7", l.result(t)["watch_id"])
		require.Equal(t, "9", l.result(t)["watch_id"])
		require.Equal(t, true, l.result(t)["canceled"])
	})
	s.run("watch_websocket", func(t *testing.T, e *env) {
		l, say := e.websocket(t, "/v3/watch", nil)
		say(create(e, ""))
		require.Equal(t, true, l.result(t)["created"])
		e.put(t, "a", "1")
		require.Equal(t, []string{b64("1")}, values(t, l, 1))
		say(`{"cancel_request":{"watch_id":"0"}}`)
		require.Equal(t, true, l.result(t)["canceled"])
		say(create(e, ""))
		require.Equal(t, true, l.result(t)["created"], "the stream goes on")
	})
	s.run("watch_websocket_of_large_values", func(t *testing.T, e *env) {
		l, say := e.websocket(t, "/v3/watch", nil)
		say(create(e, ""))
		require.Equal(t, true, l.result(t)["created"])
		large := strings.Repeat("x", 300_000)
		e.put(t, "a", large)
		require.Equal(t, []string{b64(large)}, values(t, l, 1))
	})
	s.run("websocket_takes_a_token_by_protocol", func(t *testing.T, e *env) {
		l, say := e.websocket(t, "/v3/watch", http.Header{"Sec-Websocket-Protocol": {"Bearer, nonsense"}})
		say(create(e, ""))
		require.Equal(t, true, l.result(t)["created"], "authentication is off, so the token does not matter")
	})
	s.run("keep_alive", func(t *testing.T, e *env) {
		id := e.grant(t, 100)
		l := e.stream(t, "/v3/lease/keepalive", fmt.Sprintf(`{"ID":"%d"}{"ID":"-99"}`, id))
		got := l.result(t)
		require.Equal(t, fmt.Sprint(id), got["ID"])
		require.Equal(t, "100", got["TTL"])
		require.NotContains(t, l.result(t), "TTL", "no such lease")
		_, err := l.next()
		require.ErrorIs(t, err, io.EOF)
	})
	s.run("keep_alive_websocket", func(t *testing.T, e *env) {
		l, say := e.websocket(t, "/v3/lease/keepalive", nil)
		id := e.grant(t, 100)
		for range 3 {
			say(fmt.Sprintf(`{"ID":"%d"}`, id))
			require.Equal(t, "100", l.result(t)["TTL"])
		}
	})
	s.run("snapshot", func(t *testing.T, e *env) {
		l := e.stream(t, "/v3/maintenance/snapshot", "{}")
		n := 0
		for {
			line, err := l.next()
			if err != nil {
				require.ErrorIs(t, err, io.EOF)
				break
			}
			var answer struct{ Result struct{ Blob []byte } }
			require.NoError(t, json.Unmarshal(line, &answer))
			n += len(answer.Result.Blob)
		}
		require.Greater(t, n, 1024)
	})
	s.run("malformed_request_ends_a_stream", func(t *testing.T, e *env) {
		needs(t, e, gatewayErrors)
		code, text := e.text(t, http.MethodPost, "/v3/lease/keepalive", "nonsense")
		require.Contains(t, []int{http.StatusOK, http.StatusBadRequest}, code, text)
	})
}
