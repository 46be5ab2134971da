package conformance

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// v2Client follows no redirect and shares no connection with other tests.
var v2Client = &http.Client{
	Transport:     &http.Transport{MaxIdleConnsPerHost: 16, DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// v2Run is one case under way: it sends requests and writes their answers so that they are the same on every server and in
// every run, and differ as soon as anything else does.
type v2Run struct {
	t       *testing.T
	e       *env
	dir     string            // the case's own directory
	names   map[string]string // of indexes, by their digits
	asked   map[string]string // what a request named, such as i1-1, by its digits
	indexes []string          // by name: i1 is the first
	ttls    []int64           // that the case asked for
	watches map[string]*v2Watch
}

// v2Watch is an open watch.
type v2Watch struct {
	body  io.ReadCloser
	lines *bufio.Reader
}

// newV2Run makes a run in a directory of its own, which is not there yet.
func newV2Run(t *testing.T, e *env) *v2Run {
	return &v2Run{t: t, e: e, dir: "/" + strings.ReplaceAll(strings.TrimSuffix(e.prefix, "/"), "/", "."),
		names: map[string]string{}, asked: map[string]string{}, watches: map[string]*v2Watch{}}
}

// do sends one line of a script and returns the lines of its answer.
func (r *v2Run) do(line string) []string {
	r.t.Helper()
	verb, rest, _ := strings.Cut(r.filled(line), " ")
	switch verb {
	case "watch":
		name, target, _ := strings.Cut(rest, " ")
		resp := r.send(http.MethodGet, target)
		r.watches[name] = &v2Watch{resp.Body, bufio.NewReader(resp.Body)}
		return []string{r.head(resp, "")}
	case "next":
		text, err := r.watches[rest].lines.ReadString('\n')
		require.NoError(r.t, err, "%s", text)
		return []string{r.plain(text)}
	case "end":
		left, err := io.ReadAll(r.watches[rest].lines)
		require.NoError(r.t, err)
		return []string{r.plain("end " + string(left))}
	case "close":
		require.NoError(r.t, r.watches[rest].body.Close())
		return nil
	}
	resp := r.send(verb, rest)
	data, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	lines := []string{r.head(resp, string(data))}
	if len(data) > 0 {
		text := r.plain(string(data))
		if id := resp.Header.Get("X-Etcd-Index"); id != "" && id != "0" {
			text = strings.Replace(text, `"index":`+id+"}", `"index":X-Etcd-Index}`, 1)
		}
		if !strings.HasSuffix(string(data), "\n") {
			text += "(no newline)"
		}
		lines = append(lines, strings.Split(strings.TrimRight(text, "\n"), "\n")...)
	}
	return lines
}

var (
	namedIndex   = regexp.MustCompile(`\{i(\d+)([+-]\d+)?\}`)
	askedTTL     = regexp.MustCompile(`\bttl=(\d{1,9})\b`)
	indexField   = regexp.MustCompile(`(?:"(?:modifiedIndex|createdIndex)":|/)(\d{20}|\d+)`)
	comparedPair = regexp.MustCompile(`\[(\d+) != (\d+)\]`)
	expiration   = regexp.MustCompile(`"expiration":"([^"]*)"`)
	ttlField     = regexp.MustCompile(`"ttl":(\d+)`)
)

// filled is a line of a script with the indexes that it names.
func (r *v2Run) filled(line string) string {
	return namedIndex.ReplaceAllStringFunc(line, func(m string) string {
		parts := namedIndex.FindStringSubmatch(m)
		nth, _ := strconv.Atoi(parts[1])
		require.LessOrEqual(r.t, nth, len(r.indexes), "no index i%d yet", nth)
		n, err := strconv.Atoi(r.indexes[nth-1])
		require.NoError(r.t, err)
		if parts[2] != "" {
			by, _ := strconv.Atoi(parts[2])
			n += by
		}
		r.asked[strconv.Itoa(n)] = strings.Trim(m, "{}")
		return strconv.Itoa(n)
	})
}

// send sends what a line says after its method.
func (r *v2Run) send(method, line string) *http.Response {
	r.t.Helper()
	parts := strings.Split(line, " | ")
	target, form, _ := strings.Cut(parts[0], " ")
	if m := askedTTL.FindStringSubmatch(line); m != nil {
		n, _ := strconv.ParseInt(m[1], 10, 64)
		r.ttls = append(r.ttls, n)
	}
	if !strings.HasPrefix(target, "/v2") {
		target = "/v2/keys" + r.dir + target
	}
	req, err := http.NewRequestWithContext(r.e.ctx, method, r.e.cluster.Member(0).ClientURL+target, strings.NewReader(form))
	require.NoError(r.t, err)
	if form != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	client := r.e.http("")
	for _, h := range parts[1:] {
		name, value, _ := strings.Cut(h, ": ")
		if name == "as" {
			if user, password, given := strings.Cut(value, ":"); given {
				req.SetBasicAuth(user, password)
			} else {
				require.NotNil(r.t, r.e.as, "%s: without certificates a user has a password", line)
				client = r.e.http(user)
			}
			continue
		}
		req.Header.Set(name, value)
		if value == "-" {
			req.Header.Del(name)
		}
	}
	resp, err := client.Do(req)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// head is an answer's status and headers in one line. An index is "own" when a write's answer is at the index that the write
// got, and "some" where it is whatever the server has reached.
func (r *v2Run) head(resp *http.Response, body string) string {
	h := resp.Header
	text := fmt.Sprintf("%d %s", resp.StatusCode, h.Get("Content-Type"))
	if id := h.Get("X-Etcd-Index"); id != "" {
		var event struct {
			Node struct{ ModifiedIndex json.Number }
		}
		_ = json.Unmarshal([]byte(body), &event)
		switch {
		case id == "0":
			text += " index=0"
		case resp.Request.Method != http.MethodGet && id == string(event.Node.ModifiedIndex):
			text += " index=own"
		default:
			text += " index=some"
		}
	}
	if h.Get("X-Raft-Index") != "" && h.Get("X-Raft-Term") != "" {
		text += " raft"
	}
	if h.Get("X-Etcd-Cluster-Id") != "" {
		text += " cluster"
	}
	for _, name := range []string{"Allow", "Location", "X-Content-Type-Options"} {
		if v := h.Get(name); v != "" {
			text += " " + strings.ToLower(name) + "=" + strings.ReplaceAll(v, r.dir, "")
		}
	}
	return text
}

// plain is a body without what differs from run to run: the case's directory, indexes, clocks.
func (r *v2Run) plain(body string) string {
	body = strings.TrimSuffix(strings.ReplaceAll(body, r.dir, ""), "\n")
	body = indexField.ReplaceAllStringFunc(body, func(m string) string {
		digits := indexField.FindStringSubmatch(m)[1]
		before := strings.TrimSuffix(m, digits)
		if before == "/" && len(digits) != 20 {
			return m
		}
		return before + r.name(strings.TrimLeft(digits, "0"))
	})
	body = comparedPair.ReplaceAllStringFunc(body, func(m string) string {
		p := comparedPair.FindStringSubmatch(m)
		return "[" + r.known(p[1]) + " != " + r.known(p[2]) + "]"
	})
	body = expiration.ReplaceAllStringFunc(body, func(m string) string {
		at := expiration.FindStringSubmatch(m)[1]
		_, err := time.Parse(time.RFC3339Nano, at)
		require.NoError(r.t, err)
		require.True(r.t, strings.HasSuffix(at, "Z"), "%s is not in UTC", at)
		return `"expiration":"T"`
	})
	return ttlField.ReplaceAllStringFunc(body, func(m string) string {
		left, _ := strconv.ParseInt(ttlField.FindStringSubmatch(m)[1], 10, 64)
		for _, asked := range r.ttls {
			if asked >= 100 && asked-60 <= left && left <= asked { // a case may take a while
				return fmt.Sprintf(`"ttl":%d`, asked)
			}
		}
		return m
	})
}

// name is an index's name in this case.
func (r *v2Run) name(index string) string {
	if r.names[index] == "" {
		r.indexes = append(r.indexes, index)
		r.names[index] = fmt.Sprintf("i%d", len(r.indexes))
	}
	return r.names[index]
}

// known is an index's name if it has one.
func (r *v2Run) known(index string) string {
	return cmp.Or(r.names[index], r.asked[index], index)
}
