package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// runWith runs to the end without a signal.
func runWith(args, env []string) (code int, stdout, stderr string) {
	var out, errOut bytes.Buffer
	code, _ = run(append([]string{"etcd"}, args...), env, make(chan os.Signal), &out, &errOut)
	return code, out.String(), errOut.String()
}

func TestTextsAndExitCodes(t *testing.T) {
	for name, tc := range map[string]struct {
		args           []string
		env            []string
		code           int
		stdout, stderr string // parts of
	}{
		"version":             {[]string{"--version"}, nil, 0, "etcd Version: 3.7.3+petcd.", ""},
		"help":                {[]string{"--help"}, nil, 0, "\nMember:\n  --name 'default'\n", "Usage:\n"},
		"dash h":              {[]string{"-h"}, nil, 0, "\nClustering:\n", "Usage:\n"},
		"unknown":             {[]string{"--nope"}, nil, 2, "", "flag provided but not defined: -nope\nUsage:\n"},
		"positional":          {[]string{"bar"}, nil, 1, "", `"msg":"failed to verify flags","error":"\"bar\" is not a valid flag"`},
		"advertise":           {[]string{"--listen-client-urls=http://127.0.0.1:1"}, nil, 1, "", "--advertise-client-urls is required when --listen-client-urls is set explicitly"},
		"conflict":            {[]string{"--name=a"}, []string{"ETCD_NAME=b"}, 1, "", "is shadowed by corresponding command-line flag"},
		"proxy":               {[]string{"--proxy=on"}, nil, 1, "", "--proxy=on: "},
		"gateway":             {[]string{"gateway"}, nil, 0, "gateway related command\n\nUsage:", ""},
		"gateway flag":        {[]string{"gateway", "start", "--nope"}, nil, 1, "", "Error: unknown flag: --nope"},
		"gateway self":        {[]string{"gateway", "start", "--listen-addr=127.0.0.1:2379"}, nil, 1, "", "should not resolve to the gateway listen addr (127.0.0.1:2379)"},
		"grpc-proxy":          {[]string{"grpc-proxy"}, nil, 0, "grpc-proxy related command\n\nUsage:", ""},
		"grpc-proxy resolver": {[]string{"grpc-proxy", "start", "--resolver-prefix=p"}, nil, 1, "", "Error: invalid resolver-ttl 0"},
		"grpc-proxy TLS":      {[]string{"grpc-proxy", "start", "--tls-min-version=TLS9"}, nil, 1, "", "TLS9"},
		"log file":            {[]string{"--log-outputs=/nonexistent/log"}, nil, 1, "", "open log output: open /nonexistent/log"},
		"no config":           {[]string{"--config-file=/nonexistent"}, nil, 1, "", "no such file or directory"},
		"wrong peers":         {[]string{"--name=a", "--initial-cluster=b=http://127.0.0.1:1", "--data-dir=" + t.TempDir(), "--listen-peer-urls=http://127.0.0.1:0", "--listen-client-urls=http://127.0.0.1:0", "--advertise-client-urls=http://127.0.0.1:1"}, nil, 1, "", `couldn't find local name \"a\" in the initial cluster configuration`},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := runWith(tc.args, tc.env)
			require.Equal(t, tc.code, code, stderr)
			require.Contains(t, stdout, tc.stdout)
			require.Contains(t, stderr, tc.stderr)
			require.NotContains(t, stderr, "goroutine ", "no stack traces for an operator's mistake")
		})
	}
	_, stdout, _ := runWith([]string{"--version"}, nil)
	lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
	require.Len(t, lines, 4)
	for i, prefix := range []string{"etcd Version: ", "Git SHA: ", "Go Version: go", "Go OS/Arch: "} {
		require.True(t, strings.HasPrefix(lines[i], prefix), lines[i])
	}
}

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// freePort is a port that was free a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// member is a running run.
type member struct {
	signals chan os.Signal
	log     syncBuffer
	ended   chan struct{}
	code    int
	sig     os.Signal
}

func startMember(t *testing.T, args ...string) *member {
	t.Helper()
	m := &member{signals: make(chan os.Signal, 1), ended: make(chan struct{})}
	go func() {
		defer close(m.ended)
		m.code, m.sig = run(append([]string{"etcd"}, args...), nil, m.signals, io.Discard, &m.log)
	}()
	return m
}

// stop sends SIGTERM and waits.
func (m *member) stop(t *testing.T) time.Duration {
	t.Helper()
	start := time.Now()
	m.signals <- syscall.SIGTERM
	select {
	case <-m.ended:
	case <-time.After(time.Minute):
		require.Fail(t, "the member does not end", m.log.String())
	}
	require.Equal(t, exitOK, m.code, m.log.String())
	require.Equal(t, syscall.SIGTERM, m.sig, "the process is to end by its signal")
	return time.Since(start)
}

func TestMemberServesAndStops(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	client, peer := freePort(t), freePort(t)
	args := []string{
		"--name=m", "--data-dir=" + dir,
		fmt.Sprintf("--listen-client-urls=http://127.0.0.1:%d", client), fmt.Sprintf("--advertise-client-urls=http://127.0.0.1:%d", client),
		fmt.Sprintf("--listen-peer-urls=http://127.0.0.1:%d", peer), fmt.Sprintf("--initial-advertise-peer-urls=http://127.0.0.1:%d", peer),
		fmt.Sprintf("--initial-cluster=m=http://127.0.0.1:%d", peer),
	}
	for _, start := range []string{"first", "second"} {
		m := startMember(t, args...)
		require.Eventually(t, func() bool {
			return strings.Contains(m.log.String(), `"msg":"ready to serve client requests"`)
		}, time.Minute, 10*time.Millisecond, start)
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/health", client))
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.JSONEq(t, `{"health":"true","reason":""}`, string(body))

		other := startMember(t, args...)
		<-other.ended
		require.Equal(t, exitFailure, other.code, "the ports and the folder are taken")

		m.stop(t)
		require.Equal(t, 1, strings.Count(m.log.String(), `"msg":"ready to serve client requests"`))
		require.Contains(t, m.log.String(), "serving client traffic insecurely; this is strongly discouraged!")
		for _, line := range strings.Split(strings.TrimSpace(m.log.String()), "\n") {
			var fields map[string]any
			require.NoError(t, json.Unmarshal([]byte(line), &fields), line)
			for _, key := range []string{"level", "ts", "caller", "msg"} {
				require.Contains(t, fields, key, line)
			}
		}
	}
}

// A member whose peers never come has no quorum, and must still end on a
// signal.
func TestSignalBeforeQuorum(t *testing.T) {
	own, other, client := freePort(t), freePort(t), freePort(t)
	m := startMember(t, "--name=a", "--data-dir="+filepath.Join(t.TempDir(), "data"),
		fmt.Sprintf("--listen-client-urls=http://127.0.0.1:%d", client), fmt.Sprintf("--advertise-client-urls=http://127.0.0.1:%d", client),
		fmt.Sprintf("--listen-peer-urls=http://127.0.0.1:%d", own), fmt.Sprintf("--initial-advertise-peer-urls=http://127.0.0.1:%d", own),
		fmt.Sprintf("--initial-cluster=a=http://127.0.0.1:%d,b=http://127.0.0.1:%d", own, other))
	require.Eventually(t, func() bool { return strings.Contains(m.log.String(), "became pre-candidate") }, time.Minute, 10*time.Millisecond)
	m.stop(t)
	require.NotContains(t, m.log.String(), "ready to serve client requests")
}

func TestForeignDataDirIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	wal := filepath.Join(dir, "member", "wal")
	require.NoError(t, os.MkdirAll(wal, 0o700))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "member", "snap"), 0o700))
	file := filepath.Join(wal, "0000000000000000-0000000000000000.wal")
	require.NoError(t, os.WriteFile(file, []byte("etcd's"), 0o600))
	code, _, stderr := runWith([]string{"--data-dir=" + dir, "--listen-peer-urls=http://127.0.0.1:0", "--listen-client-urls=http://127.0.0.1:0", "--advertise-client-urls=http://127.0.0.1:1"}, nil)
	require.Equal(t, exitFailure, code)
	require.Contains(t, stderr, `"msg":"failed to start"`)
	require.Contains(t, stderr, "not a petcd data directory")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "etcd's", string(data))
}
