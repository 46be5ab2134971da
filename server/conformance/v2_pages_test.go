package conformance

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
)

// v2PageCases: machines and statistics of one member, and what a script cannot say of an answer.
func v2PageCases(s *suite) {
	s.run("machines", func(t *testing.T, e *env) {
		resp := e.send(t, http.MethodGet, "/v2/machines", "")
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, e.cluster.Member(0).ClientURL, string(body))
		require.Equal(t, "text/plain; charset=utf-8", resp.Header.Get("Content-Type"))
		require.Empty(t, resp.Header.Get("X-Etcd-Cluster-Id"))
	})
	s.run("self", func(t *testing.T, e *env) {
		resp := e.send(t, http.MethodGet, "/v2/stats/self", "")
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
		const at = `"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"`
		require.Regexp(t, `^\{"name":"m0","id":"([0-9a-f]+)","state":"StateLeader","startTime":`+at+
			`,"leaderInfo":\{"leader":"[0-9a-f]+","uptime":"[0-9hms.µn]+","startTime":`+at+`\},"recvAppendRequestCnt":0,"sendAppendRequestCnt":0\}$`, string(body))
	})
	s.run("leader", func(t *testing.T, e *env) {
		code, body := e.text(t, http.MethodGet, "/v2/stats/leader", "")
		require.Equal(t, http.StatusOK, code)
		require.Regexp(t, `^\{"leader":"[0-9a-f]+","followers":\{\}\}$`, body)
	})
	s.run("store", func(t *testing.T, e *env) {
		_, body := e.text(t, http.MethodGet, "/v2/stats/store", "")
		digits := regexp.MustCompile(`\d+`)
		require.Equal(t, `{"getsSuccess":0,"getsFail":0,"setsSuccess":0,"setsFail":0,"deleteSuccess":0,"deleteFail":0,"updateSuccess":0,"updateFail":0,`+
			`"createSuccess":0,"createFail":0,"compareAndSwapSuccess":0,"compareAndSwapFail":0,"compareAndDeleteSuccess":0,"compareAndDeleteFail":0,"expireCount":0,"watchers":0}`,
			digits.ReplaceAllString(body, "0"))
	})
	s.run("store_counts", func(t *testing.T, e *env) {
		counted := func() map[string]int {
			var stats map[string]int
			_, body := e.text(t, http.MethodGet, "/v2/stats/store", "")
			require.NoError(t, json.Unmarshal([]byte(body), &stats), body)
			return stats
		}
		before := counted()
		r := newV2Run(t, e)
		for _, line := range []string{
			"PUT /a value=x", "GET /a", "GET /none", "PUT /a value=y&prevExist=true", "PUT /none value=y&prevExist=true",
			"PUT /b value=x&prevExist=false", "PUT /b value=x&prevExist=false", "PUT /a value=z&prevValue=y", "PUT /a value=z&prevValue=q",
			"DELETE /a?prevValue=q", "DELETE /a?prevValue=z", "DELETE /b", "DELETE /b", "PUT /d dir=true", "PUT /d value=x",
		} {
			r.do(line)
		}
		after := counted()
		for _, name := range []string{
			"getsSuccess", "getsFail", "setsSuccess", "setsFail", "updateSuccess", "updateFail", "createSuccess", "createFail", "compareAndSwapSuccess",
			"compareAndSwapFail", "compareAndDeleteSuccess", "deleteSuccess", "deleteFail",
		} {
			require.Greater(t, after[name], before[name], name)
		}
	})
	s.run("head_has_the_length_of_get", func(t *testing.T, e *env) {
		r := newV2Run(t, e)
		r.do("PUT /a value=12345")
		path := "/v2/keys" + r.dir + "/a"
		get, head := e.send(t, http.MethodGet, path, ""), e.send(t, http.MethodHead, path, "")
		require.Positive(t, get.ContentLength)
		require.Equal(t, get.ContentLength, head.ContentLength)
		require.Equal(t, get.Header.Get("Content-Type"), head.Header.Get("Content-Type"))
		rest, err := io.ReadAll(head.Body)
		require.NoError(t, err)
		require.Empty(t, rest)
	})
	s.run("large_value", func(t *testing.T, e *env) {
		path := "/v2/keys/" + e.prefix + "large"
		large := strings.Repeat("0123456789", 100_000)
		code, body := e.text(t, http.MethodPut, path, url.Values{"value": {large}}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
		require.Equal(t, http.StatusCreated, code)
		require.Contains(t, body, `"value":"`+large+`"`)
		_, body = e.text(t, http.MethodGet, path, "")
		require.Contains(t, body, `"value":"`+large+`"`)
	})
	s.run("form_of_more_than_ten_megabytes", func(t *testing.T, e *env) {
		code, body := e.text(t, http.MethodPut, "/v2/keys/"+e.prefix+"huge", "value="+strings.Repeat("x", 10<<20), "Content-Type", "application/x-www-form-urlencoded")
		require.Equal(t, http.StatusBadRequest, code)
		require.Equal(t, `{"errorCode":210,"message":"Invalid POST form","cause":"http: POST too large","index":0}`+"\n", body)
	})
	s.run("many_watches_of_one_key", func(t *testing.T, e *env) {
		r := newV2Run(t, e)
		const watches = 200
		for i := range watches {
			r.do(fmt.Sprintf("watch w%d /a?wait=true", i))
		}
		r.do("PUT /a value=1")
		for i := range watches {
			require.Equal(t, []string{`{"action":"set","node":{"key":"/a","value":"1","modifiedIndex":i1,"createdIndex":i1}}`}, r.do(fmt.Sprint("next w", i)))
		}
	})
}

// v2HistoryEndCases: a server of their own, because they fill its history.
func v2HistoryEndCases(s *suite) {
	s.run("history_is_bounded", func(t *testing.T, e *env) {
		r := newV2Run(t, e)
		r.do("PUT /a value=first")
		var writers sync.WaitGroup
		const connections = 8
		failed := make(chan error, connections)
		for w := range connections {
			writers.Go(func() {
				for i := w; i < 1001; i += connections {
					if err := putV2(e, r.dir+"/b", strconv.Itoa(i)); err != nil {
						failed <- err
						return
					}
				}
			})
		}
		writers.Wait()
		close(failed)
		for err := range failed {
			require.NoError(t, err)
		}
		_, _, head := v2Ask(e.ctx, t, e.cluster.Member(0), http.MethodPut, "/v2/keys"+r.dir+"/b", url.Values{"value": {"last"}})
		last, err := strconv.Atoi(head.Get("X-Etcd-Index"))
		require.NoError(t, err)
		code, body := e.text(t, http.MethodGet, "/v2/keys"+r.dir+"/a?wait=true&waitIndex="+r.indexes[0], "")
		require.Equal(t, http.StatusBadRequest, code)
		require.Regexp(t, `^\{"errorCode":401,"message":"The event in requested index is outdated and cleared","cause":"the requested history has been cleared \[\d+/`+
			r.indexes[0]+`\]","index":\d+\}\n$`, body)
		code, body = e.text(t, http.MethodGet, "/v2/keys"+r.dir+"/b?wait=true&waitIndex="+strconv.Itoa(last-500), "")
		require.Equal(t, http.StatusOK, code, body)
	})
}

// putV2 writes a key; unlike v2Ask it may be called in a goroutine.
func putV2(e *env, key, value string) error {
	form := url.Values{"value": {value}}.Encode()
	req, err := http.NewRequestWithContext(e.ctx, http.MethodPut, e.cluster.Member(0).ClientURL+"/v2/keys"+key, strings.NewReader(form))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := v2Client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("PUT %s value=%s: %s", key, value, resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// v2WatcherCases: a server on which nobody else watches, as its count is of all watchers.
func v2WatcherCases(s *suite) {
	s.run("watchers_are_counted", func(t *testing.T, e *env) {
		watchers := func() (n int) {
			var stats struct{ Watchers int }
			_, body := e.text(t, http.MethodGet, "/v2/stats/store", "")
			require.NoError(t, json.Unmarshal([]byte(body), &stats))
			return stats.Watchers
		}
		before := watchers()
		r := newV2Run(t, e)
		r.do("watch v /a?wait=true")
		r.do("watch w /a?wait=true&stream=true")
		require.Equal(t, before+2, watchers())
		r.do("close v")
		r.do("close w")
		e.until(t, "the watches that were left", func() bool { return watchers() == before })
	})
}

// v2OffCases: a server that was told to leave API 2 out.
func v2OffCases(s *suite) {
	for _, path := range []string{"/v2/keys", "/v2/keys/a", "/v2/machines", "/v2/members", "/v2/stats/self", "/v2/auth/enable", "/v2"} {
		s.run(strings.Trim(strings.ReplaceAll(path, "/", "_"), "_"), func(t *testing.T, e *env) {
			code, body := e.text(t, http.MethodGet, path, "")
			require.Equal(t, http.StatusNotFound, code)
			require.Equal(t, "404 page not found\n", body)
		})
	}
}

// v2WhitelistCases: a server with --host-whitelist=127.0.0.1,good.example and --cors=http://good.example:80.
func v2WhitelistCases(s *suite) {
	for host, want := range map[string]int{"127.0.0.1": 200, "good.example:80": 200, "evil.example": 421, "localhost": 421} {
		s.run("host_"+strings.ReplaceAll(host, ":", "_"), func(t *testing.T, e *env) {
			code, body := e.text(t, http.MethodGet, "/v2/keys", "", "Host", host)
			require.Equal(t, want, code, body)
		})
	}
	s.run("origin_that_is_allowed", func(t *testing.T, e *env) {
		resp := e.send(t, http.MethodPost, "/v2/keys/o", "", "Origin", "http://good.example:80")
		require.Equal(t, http.StatusCreated, resp.StatusCode)
		require.Equal(t, "http://good.example:80", resp.Header.Get("Access-Control-Allow-Origin"))
	})
	s.run("origin_that_is_not", func(t *testing.T, e *env) {
		resp := e.send(t, http.MethodGet, "/v2/keys", "", "Origin", "http://evil.example")
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Empty(t, resp.Header.Get("Access-Control-Allow-Origin"))
	})
}

// TestV2WithCertificates writes and watches keys by HTTP/1.1 and 2 over TLS with a client's certificate, on the port of gRPC.
func TestV2WithCertificates(t *testing.T) {
	for _, tg := range targets(t) {
		if !tg.has(apiV2) {
			continue
		}
		t.Run(tg.name, func(t *testing.T) {
			t.Parallel()
			s := startSecure(t, tg, secureOptions{flags: func(*secureServer, *process.Member) []string { return v2Flags }})
			at := s.cluster.Member(0).ClientURL + "/v2/keys/a"
			for _, http2 := range []bool{false, true} {
				client := &http.Client{Transport: &http.Transport{TLSClientConfig: s.ca.Config(s.client), ForceAttemptHTTP2: http2}}
				watch, err := client.Get(at + "?wait=true")
				require.NoError(t, err)
				resp, err := client.PostForm(at, url.Values{"value": {"1"}})
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				require.Equal(t, http.StatusCreated, resp.StatusCode)
				req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, at+"?recursive=true", nil)
				require.NoError(t, err)
				resp, err = client.Do(req)
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				require.Equal(t, http.StatusOK, resp.StatusCode)
				event, err := io.ReadAll(watch.Body)
				require.NoError(t, err)
				require.NoError(t, watch.Body.Close())
				require.Contains(t, string(event), `{"action":"delete","node":{"key":"/a","dir":true,`)
				client.CloseIdleConnections()
			}
			nobody := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
			_, err := nobody.Get(at)
			require.Error(t, err, "without a certificate nobody is served")
		})
	}
}
