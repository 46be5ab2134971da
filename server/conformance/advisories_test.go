package conformance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"debug/buildinfo"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/process"
	"github.com/petcd/petcd/server/tlstest"
)

// advisory is a known fault of etcd that petcd must not have.
type advisory struct {
	id    string // CVE, GHSA, or the number in the Trail of Bits audit (TOB)
	fault string
	check func(t *testing.T, tg target)
}

var advisories = []advisory{
	{"CVE-2018-1098", "a web page of another origin changes keys", otherOrigin},
	{"CVE-2018-1099", "a web page reaches the server under a host name of its own", otherHost},
	{"CVE-2018-16886", "the gateway's own certificate makes its callers a user; by API 2, the authority's does", certificateNames},
	{"CVE-2020-15106", "TOB-007: a damaged log makes the server panic (fuzz targets: raft/log)", damagedLog},
	{"CVE-2020-15112", "TOB-006: a damaged index in the log makes the server panic (fuzz targets: raft/log)", damagedLog},
	{"CVE-2020-15113", "TOB-003: nobody looks at the mode of a data directory that is there", openDirectory},
	{"CVE-2020-15114", "TOB-002: a gateway that lists itself passes on without end", gatewayLoop},
	{"CVE-2020-15115", "TOB-008: a password may be guessed at leisure; what is stored is a hash, and each guess costs one", passwordIsHashed},
	{"CVE-2020-15136", "TOB-004: a gateway does not check its endpoints' certificates (all of it: server/gateway)", gatewayPassesTLS},
	{"GHSA-j86v-2vjr-fg8f", "TOB-001, TOB-005: a gateway checks certificates once, and of SRV records only (all of it: server/gateway)", gatewayPassesTLS},
	{"GHSA-pm3m-32r3-7mfh", "TOB-011: a negative retention makes compaction run without end", refusedAtStart("--auto-compaction-retention=-1")},
	{"GHSA-vjg6-93fv-qv64", "TOB-009: the log names a user that a call was not made by", gatewayCertificate},
	{"GHSA-5x4g-q5rc-36jp", "TOB-015: weak ciphers are accepted", weakCiphers},
	{"CVE-2021-28235", "TOB-012: passwords are in logs, in the data directory or on debug pages", canaries},
	{"GHSA-528j-9r78-wffx", "audit class: what is in the way of the data directory makes the server panic", badDataDir},
	{"GHSA-9gp7-6833-wv89", "audit class: odd values of flags make the server panic", oddFlags},
	{"GHSA-h8g9-6gvh-5mrc", "audit class: a directory that cannot be written makes the server panic", badDataDir},
	{"CVE-2022-34038", "PageWriter (disputed): not in the program", withoutPageWriter},
	{"CVE-2023-32082", "LeaseTimeToLive lists keys that the caller may not read", leaseKeys},
	{"CVE-2026-33413", "calls without any user are let in (all of it: TestAuthMatrix)", nobody},
	{"CVE-2026-33343", "operations inside of nested txns are not looked at", nestedTxns},
	{"CVE-2026-44283", "prev_kv and lease of a put inside of a txn are not looked at", putOptions},
	{"CVE-2026-73499", "a watch from a key on shows every key (all of it: TestAuthNeverLeaks)", watchFromKey},
	{"CVE-2026-73500", "connections that never finish their TLS handshake stay (10,000 of them: TestTLS's flood)", halfOpen},
	{"GHSA-3wh4-j44w-pg92", "a revocation list does not count on the gRPC port beside --listen-client-http-urls", revokedEverywhere},
	{"3.7.1-lease-body", "a peer's request about leases may be of any size", hugePeerBody},
	{"3.7.1-header-timeout", "a client may take any time for the header of a request", slowHeader},
	{"CVE-2023-44487", "HTTP/2 rapid reset: libraries older than the fix (all of them: make vuln)", fixedLibraries},
}

// TestAdvisories: one check for every known advisory.
func TestAdvisories(t *testing.T) {
	for _, tg := range targets(t) {
		if tg.name != process.Petcd {
			continue
		}
		for _, a := range advisories {
			t.Run(a.id, func(t *testing.T) {
				t.Parallel()
				t.Log(a.fault)
				a.check(t, tg)
			})
		}
	}
}

// guarded starts a server with authentication on, a user that may use keys
// below in/, and one key below in/ and one below out/.
func guarded(t *testing.T, tg target, flags ...string) (r *realm, user context.Context) {
	t.Helper()
	r = startRealm(t, tg, append(flags, authFlags...)...)
	for _, k := range []string{"in/a", "out/a"} {
		_, err := r.kv.Put(r.root, &pb.PutRequest{Key: []byte(k), Value: []byte("1")})
		require.NoError(t, err)
	}
	r.enable(t)
	return r, r.newUser(t, "user", canBoth("in/", "in0"))
}

// post sends JSON to the gateway.
func post(t *testing.T, c *http.Client, url, body string, header map[string]string) (int, string) {
	t.Helper()
	return sendBy(t, c, http.MethodPost, url, body, header)
}

// send sends a request to a port without TLS.
func send(t *testing.T, method, url, body string, header map[string]string) (int, string) {
	t.Helper()
	return sendBy(t, http.DefaultClient, method, url, body, header)
}

func sendBy(t *testing.T, c *http.Client, method, url, body string, header map[string]string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	for k, v := range header {
		if k == "Host" {
			req.Host = v
		}
		req.Header.Set(k, v)
	}
	resp, err := c.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

// putOfA is {"key":"a","value":"1"} as the gateway takes it.
const putOfA = `{"key":"YQ==","value":"MQ=="}`

func otherOrigin(t *testing.T, tg target) {
	srv := startServer(t, tg, 1, "--cors=http://good.example:80")
	url := srv.cluster.Member(0).ClientURL
	code, text := post(t, http.DefaultClient, url+"/v3/kv/put", putOfA, map[string]string{"Origin": "http://evil.example:80", "Content-Type": "text/plain"})
	require.Equal(t, http.StatusForbidden, code, text)
	code, text = post(t, http.DefaultClient, url+"/v3/kv/put", putOfA, map[string]string{"Origin": "http://good.example:80"})
	require.Equal(t, http.StatusOK, code, text)
	v2Origin(t, url)
}

func otherHost(t *testing.T, tg target) {
	srv := startServer(t, tg, 1, "--host-whitelist=good.example,127.0.0.1")
	url := srv.cluster.Member(0).ClientURL
	code, _ := post(t, http.DefaultClient, url+"/v3/kv/put", putOfA, map[string]string{"Host": "evil.example"})
	require.Equal(t, http.StatusMisdirectedRequest, code)
	code, text := post(t, http.DefaultClient, url+"/v3/kv/put", putOfA, map[string]string{"Host": "good.example"})
	require.Equal(t, http.StatusOK, code, text)
	v2Host(t, url)
}

func certificateNames(t *testing.T, tg target) {
	gatewayCertificate(t, tg)
	v2Certificate(t, tg)
}

// gatewayCertificate: the server's certificate says root, and so does the
// client's; by the gateway neither makes a call root's.
func gatewayCertificate(t *testing.T, tg target) {
	ca := tlstest.NewCA(t, t.TempDir(), "ca")
	own := ca.Issue("server", tlstest.Request{CommonName: "root", Hosts: []string{"127.0.0.1"}})
	admin, unnamed := ca.Client("admin", "root"), ca.Client("unnamed", "")
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	cluster, err := process.Start(ctx, process.Config{
		Binary: tg.bin, Root: t.TempDir(), ClientTLS: ca.Config(admin),
		Flags: append(tlstest.ClientPortFlags(ca, own, true), "--bcrypt-cost=4", "--log-level=debug"),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Close()) })
	conn, err := grpc.NewClient(strings.TrimPrefix(cluster.Member(0).ClientURL, "https://"), grpc.WithTransportCredentials(credentials.NewTLS(ca.Config(admin))))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	r := realmOf(&env{server: &server{target: tg, cluster: cluster, stubs: stubsOf(conn)}, ctx: ctx})
	r.addRoot(t)
	_, err = r.auth.AuthEnable(r.root, &pb.AuthEnableRequest{})
	require.NoError(t, err)
	_, err = r.kv.Put(r.root, &pb.PutRequest{Key: []byte("a")})
	require.NoError(t, err, "by gRPC the name counts")
	_, err = r.kv.Put(metadata.AppendToOutgoingContext(ctx, "grpcgateway-accept", "application/json"), &pb.PutRequest{Key: []byte("a")})
	requireStatus(t, rpctypes.ErrGRPCUserEmpty, err) // any gateway, not only the server's own
	for _, pair := range []tlstest.Pair{admin, unnamed} {
		c := &http.Client{Transport: &http.Transport{TLSClientConfig: ca.Config(pair)}}
		code, text := post(t, c, cluster.Member(0).ClientURL+"/v3/kv/put", putOfA, nil)
		require.NotEqual(t, http.StatusOK, code, text)
		code, text = post(t, c, cluster.Member(0).ClientURL+"/v3/auth/user/list", "{}", map[string]string{"Grpcgateway-Accept": "x"})
		require.NotEqual(t, http.StatusOK, code, text)
	}
	log, err := os.ReadFile(cluster.Member(0).LogPath)
	require.NoError(t, err)
	for _, line := range strings.Split(string(log), "\n") {
		if strings.Contains(line, "/v3/") {
			require.NotContains(t, line, `"user-name":"root"`, "nobody was found to be root")
		}
	}
}

// damagedLog flips bytes in every place of the log's files, in turns, and the
// server starts or refuses to, but never panics.
func damagedLog(t *testing.T, tg target) {
	srv := startServer(t, tg, 1)
	ctx, cancel := context.WithTimeout(context.Background(), caseTimeout)
	defer cancel()
	for i := range 20 {
		_, err := srv.kv.Put(ctx, &pb.PutRequest{Key: fmt.Appendf(nil, "k%d", i), Value: bytes.Repeat([]byte("v"), 500)})
		require.NoError(t, err)
	}
	m := srv.cluster.Member(0)
	require.NoError(t, m.Kill())
	var files []string
	require.NoError(t, filepath.Walk(filepath.Join(m.DataDir, "member", "log"), func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() && info.Size() > 0 && info.Name() != "LOCK" {
			files = append(files, path)
		}
		return err
	}))
	require.NotEmpty(t, files)
	for i, path := range files {
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		damaged := bytes.Clone(whole)
		for at := i % 7; at < len(damaged); at += 97 {
			damaged[at] ^= 0xff
		}
		require.NoError(t, os.WriteFile(path, damaged, 0o600))
		require.NoError(t, m.Start())
		ready, done := context.WithCancel(ctx)
		enough := time.AfterFunc(3*time.Second, done) // no deadline, at which its goroutines would be dumped
		_ = m.WaitHealthy(ready)
		enough.Stop()
		done()
		_ = m.Kill()
		requireNoPanic(t, m)
		require.NoError(t, os.WriteFile(path, whole, 0o600))
		if i == 5 {
			break
		}
	}
}

func requireNoPanic(t *testing.T, m *process.Member) {
	t.Helper()
	log, err := os.ReadFile(m.LogPath)
	require.NoError(t, err)
	require.NotRegexp(t, `(?m)^panic: |^goroutine \d+ \[|^fatal error: `, string(log))
}

func openDirectory(t *testing.T, tg target) {
	c, err := process.New(process.Config{Binary: tg.bin, Root: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	m := c.Member(0)
	require.NoError(t, os.MkdirAll(m.DataDir, 0o755))
	require.NoError(t, os.Chmod(m.DataDir, 0o755))
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	require.NoError(t, m.Start())
	require.NoError(t, m.WaitHealthy(ctx))
	log, err := os.ReadFile(m.LogPath)
	require.NoError(t, err)
	require.Contains(t, string(log), "check file permission")

	fresh := startServer(t, tg, 1).cluster.Member(0).DataDir
	info, err := os.Stat(fresh)
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o077, "one that it makes itself")
}

// startGateway runs "etcd gateway start" on a free port until the test ends; exited is closed if it ends by itself.
func startGateway(t *testing.T, tg target, endpoint func(own string) string, flags ...string) (own string, exited <-chan struct{}) {
	t.Helper()
	port, err := process.FreePort()
	require.NoError(t, err)
	own = fmt.Sprintf("127.0.0.1:%d", port)
	cmd := exec.Command(tg.bin, append([]string{"gateway", "start", "--listen-addr=" + own, "--endpoints=" + endpoint(own)}, flags...)...)
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // how it ends is not asked
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	return own, ended
}

func gatewayLoop(t *testing.T, tg target) {
	own, exited := startGateway(t, tg, func(own string) string { return own })
	// It may refuse to start; if it listens, a connection must end instead of going in circles.
	var conn net.Conn
	require.Eventually(t, func() bool {
		select {
		case <-exited:
			return true
		default:
		}
		var err error
		conn, err = net.DialTimeout("tcp", own, time.Second)
		return err == nil
	}, startTimeout, 20*time.Millisecond, "the gateway neither refuses nor listens")
	if conn == nil {
		return
	}
	defer conn.Close()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	_, err := conn.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
}

// gatewayPassesTLS: through a gateway it is the client that checks the
// server's certificate, end to end, on every connection.
func gatewayPassesTLS(t *testing.T, tg target) {
	s := startSecure(t, tg, secureOptions{})
	own, _ := startGateway(t, tg, func(string) string { return strings.TrimPrefix(s.cluster.Member(0).ClientURL, "https://") })
	other := tlstest.NewCA(t, t.TempDir(), "other")
	require.Eventually(t, func() bool {
		conn, err := tls.Dial("tcp", own, s.ca.Config(s.client))
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, startTimeout, 20*time.Millisecond)
	for range 3 {
		_, err := tls.Dial("tcp", own, other.Config())
		require.Error(t, err, "not the authority that the client trusts")
	}
}

// refusedAtStart is a check that a server does not start with a flag.
func refusedAtStart(flags ...string) func(*testing.T, target) {
	return func(t *testing.T, tg target) { requireNotStarted(t, tg, flags...) }
}

func requireNotStarted(t *testing.T, tg target, flags ...string) {
	t.Helper()
	c, err := process.New(process.Config{Binary: tg.bin, Root: t.TempDir(), Flags: flags})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	require.NoError(t, c.Member(0).Start())
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	code, err := c.Member(0).Wait(ctx)
	require.NoError(t, err, "%v: it should not have started", flags)
	require.NotZero(t, code, flags)
	requireNoPanic(t, c.Member(0))
}

func weakCiphers(t *testing.T, tg target) {
	ca := tlstest.NewCA(t, t.TempDir(), "ca")
	for _, weak := range tls.InsecureCipherSuites() {
		requireNotStarted(t, tg, append(tlstest.ClientPortFlags(ca, ca.Server("server"), false), "--listen-client-urls=https://127.0.0.1:0", "--cipher-suites="+weak.Name)...)
	}
}

func badDataDir(t *testing.T, tg target) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte("not a directory"), 0o600))
	requireNotStarted(t, tg, "--data-dir="+file)
	requireNotStarted(t, tg, "--data-dir="+filepath.Join(file, "below"))
	requireNotStarted(t, tg, "--data-dir=/proc/petcd")
}

func oddFlags(t *testing.T, tg target) {
	for _, flag := range []string{
		"--heartbeat-interval=-1", "--election-timeout=0", "--max-request-bytes=-1", "--max-txn-ops=-1",
		"--initial-cluster=", "--initial-cluster==", "--listen-peer-urls=http://127.0.0.1:-1", "--auth-token=jwt", "--snapshot-count=-1",
	} {
		requireNotStarted(t, tg, flag)
	}
}

// withoutPageWriter looks at the symbols of the program.
func withoutPageWriter(t *testing.T, tg target) {
	data, err := os.ReadFile(tg.bin)
	require.NoError(t, err)
	require.NotContains(t, string(data), "ioutil.(*PageWriter).Write")
}

func leaseKeys(t *testing.T, tg target) {
	r, user := guarded(t, tg)
	lease, err := r.lease.LeaseGrant(r.root, &pb.LeaseGrantRequest{TTL: 1000})
	require.NoError(t, err)
	_, err = r.kv.Put(r.root, &pb.PutRequest{Key: []byte("out/a"), Lease: lease.ID})
	require.NoError(t, err)
	_, err = r.lease.LeaseTimeToLive(user, &pb.LeaseTimeToLiveRequest{ID: lease.ID, Keys: true})
	requireStatus(t, rpctypes.ErrGRPCPermissionDenied, err)
	_, err = r.lease.LeaseTimeToLive(r.ctx, &pb.LeaseTimeToLiveRequest{ID: lease.ID})
	requireStatus(t, rpctypes.ErrGRPCUserEmpty, err)
}

// nobody makes every attempt of the matrix without a token; only these answer.
func nobody(t *testing.T, tg target) {
	r, _ := guarded(t, tg)
	open := map[string]bool{"Health/Check": true, "Health/List": true, "Health/Watch": true, "Auth/AuthStatus": true, "Auth/Authenticate": true}
	methods := matrixMethods()
	w := &world{realm: r, member: 1, peerURL: "http://127.0.0.1:1"}
	tried := map[string]bool{}
	for _, a := range attempts() {
		if tried[a.method] || open[a.method] || methods[a.method].Parent().Name() == "Election" || methods[a.method].Parent().Name() == "Lock" {
			continue
		}
		tried[a.method] = true
		o := call(r.ctx, r.conn, methods[a.method], a.requests(w))
		require.NotEqual(t, "ok", o, "%s", a)
	}
	require.Greater(t, len(tried), 35)
}

func nestedTxns(t *testing.T, tg target) {
	r, user := guarded(t, tg)
	for depth := 1; depth <= 3; depth++ {
		for _, failure := range []bool{false, true} {
			for _, op := range ops(wrapRange(&pb.RangeRequest{Key: []byte("out/a")}), opPut([]byte("out/a"), "2"),
				wrapDelete(&pb.DeleteRangeRequest{Key: []byte("out/a")}),
				wrapTxn(&pb.TxnRequest{Compare: []*pb.Compare{{Key: []byte("out/a"), TargetUnion: &pb.Compare_Version{}}}})) {
				_, err := r.kv.Txn(user, nested(proto.Clone(op).(*pb.RequestOp), depth, failure))
				requireStatus(t, rpctypes.ErrGRPCPermissionDenied, err)
			}
		}
	}
}

func putOptions(t *testing.T, tg target) {
	r, _ := guarded(t, tg)
	writer := r.newUser(t, "writer", canWrite("in/", "in0"))
	lease, err := r.lease.LeaseGrant(r.root, &pb.LeaseGrantRequest{TTL: 1000})
	require.NoError(t, err)
	_, err = r.kv.Put(r.root, &pb.PutRequest{Key: []byte("out/a"), Lease: lease.ID})
	require.NoError(t, err)
	for depth := 1; depth <= 3; depth++ {
		for _, put := range []*pb.PutRequest{{Key: []byte("in/a"), PrevKv: true}, {Key: []byte("in/a"), Lease: lease.ID}} {
			_, err = r.kv.Txn(writer, nested(wrapPut(put), depth, false))
			requireStatus(t, rpctypes.ErrGRPCPermissionDenied, err)
		}
	}
	_, err = r.kv.Txn(writer, nested(opPut([]byte("in/a"), "2"), 3, false))
	require.NoError(t, err)
}

func watchFromKey(t *testing.T, tg target) {
	r, user := guarded(t, tg)
	for _, s := range []span{{"in/a", "\x00"}, {"in/", "\x00"}, {"", "\x00"}, {"\x00", "\x00"}, {"in/a", "out0"}} {
		require.EqualError(t, r.watchError(user, []byte(s.key), []byte(s.end)), rpctypes.ErrorDesc(rpctypes.ErrGRPCPermissionDenied), "%q", s)
	}
	require.NoError(t, r.watchError(user, []byte("in/"), []byte("in0")))
}

// halfOpen: connections that send nothing, or half a handshake, are ended, and
// a client does not notice them.
func halfOpen(t *testing.T, tg target) {
	s := startSecure(t, tg, secureOptions{})
	address := strings.TrimPrefix(s.cluster.Member(0).ClientURL, "https://")
	var conns []net.Conn
	for i := range 300 {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		defer conn.Close()
		if i%2 == 1 {
			_, err = conn.Write([]byte{0x16, 0x03, 0x01, 0x02, 0x00})
			require.NoError(t, err)
		}
		conns = append(conns, conn)
	}
	served, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", address, s.ca.Config(s.client))
	require.NoError(t, err)
	served.Close()
	deadline := time.Now().Add(40 * time.Second)
	for _, conn := range conns {
		require.NoError(t, conn.SetReadDeadline(deadline))
		_, err := io.Copy(io.Discard, conn)
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "it is still open")
	}
}

func revokedEverywhere(t *testing.T, tg target) {
	port, err := process.FreePort()
	require.NoError(t, err)
	pages := fmt.Sprintf("127.0.0.1:%d", port)
	ca := tlstest.NewCA(t, t.TempDir(), "ca")
	good, bad := ca.Client("good", "good"), ca.Client("bad", "bad")
	c, err := process.New(process.Config{
		Binary: tg.bin, Root: t.TempDir(), ClientTLS: ca.Config(good),
		Flags: append(tlstest.ClientPortFlags(ca, ca.Server("server"), true),
			"--client-crl-file="+ca.Revoke("revoked", bad), "--listen-client-http-urls=https://"+pages),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	require.NoError(t, c.Member(0).Start())
	// A handshake of TLS 1.3 ends before the server has seen the certificate: a read tells.
	admitted := func(address string, pair tlstest.Pair) bool {
		config := ca.Config(pair)
		config.NextProtos = []string{"h2"}
		conn, err := tls.Dial("tcp", address, config)
		if err != nil {
			return false
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err = io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"); err != nil {
			return false
		}
		_, err = conn.Read(make([]byte, 1))
		return err == nil
	}
	grpcPort := strings.TrimPrefix(c.Member(0).ClientURL, "https://")
	for _, address := range []string{grpcPort, pages} {
		require.Eventually(t, func() bool { return admitted(address, good) }, startTimeout, 50*time.Millisecond, address)
		require.False(t, admitted(address, bad), address)
	}
}

func hugePeerBody(t *testing.T, tg target) {
	srv := startServer(t, tg, 1)
	for _, path := range []string{"/leases", "/leases/internal"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.cluster.Member(0).PeerURL+path, io.LimitReader(zeros{}, 256<<20))
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			continue // it hung up
		}
		require.NoError(t, resp.Body.Close())
		require.GreaterOrEqual(t, resp.StatusCode, 400)
	}
	require.Less(t, residentKiB(t, srv.cluster.Member(0).PID()), 250<<10, "it has kept the bodies")
}

// zeros is an endless body.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// residentKiB is a process's memory at its highest.
func residentKiB(t *testing.T, pid int) int {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skip("no /proc")
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var kib int
		if n, _ := fmt.Sscanf(lines.Text(), "VmHWM: %d kB", &kib); n == 1 {
			return kib
		}
	}
	require.Fail(t, "no VmHWM")
	return 0
}

func slowHeader(t *testing.T, tg target) {
	srv := startServer(t, tg, 1)
	var conns []net.Conn
	for _, url := range []string{srv.cluster.Member(0).ClientURL, srv.cluster.Member(0).PeerURL} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		require.NoError(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, "GET /version HTTP/1.1\r\nHost: a\r\n")
		require.NoError(t, err)
		conns = append(conns, conn)
	}
	for _, conn := range conns {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(40*time.Second)))
		_, err := io.Copy(io.Discard, conn)
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "it still waits for the rest")
	}
}

// passwordIsHashed: a guess costs what the hash costs. As in etcd there is no
// rule of how long a password must be.
func passwordIsHashed(t *testing.T, tg target) {
	r := startRealm(t, tg, "--bcrypt-cost=10")
	r.enable(t)
	began := time.Now()
	for i := range 4 {
		_, err := r.auth.Authenticate(r.ctx, &pb.AuthenticateRequest{Name: "root", Password: fmt.Sprint("guess", i)})
		requireStatus(t, rpctypes.ErrGRPCAuthFailed, err)
	}
	require.Greater(t, time.Since(began), 40*time.Millisecond, "guesses are too cheap to be hashed")
	_, err := r.auth.Authenticate(r.ctx, &pb.AuthenticateRequest{Name: "root"})
	require.Equal(t, status.Code(rpctypes.ErrGRPCAuthFailed), status.Code(err))
}

// fixedLibraries looks at the versions in the program.
func fixedLibraries(t *testing.T, tg target) {
	info, err := buildinfo.ReadFile(tg.bin)
	require.NoError(t, err)
	fixed := map[string]string{
		"google.golang.org/grpc":              "v1.58.3", // CVE-2023-44487
		"golang.org/x/net":                    "v0.17.0", // CVE-2023-44487
		"github.com/golang-jwt/jwt/v4":        "v4.5.2",  // CVE-2025-30204
		"github.com/golang-jwt/jwt/v5":        "v5.2.2",  // CVE-2025-30204
		"golang.org/x/crypto":                 "v0.35.0", // CVE-2025-22869
		"github.com/prometheus/client_golang": "v1.11.1", // CVE-2022-21698
	}
	seen := 0
	for _, m := range info.Deps {
		if min := fixed[m.Path]; min != "" {
			seen++
			require.GreaterOrEqual(t, compareVersions(t, m.Version, min), 0, "%s %s is older than %s", m.Path, m.Version, min)
		}
	}
	require.Positive(t, seen)
}

// compareVersions compares vX.Y.Z by number.
func compareVersions(t *testing.T, a, b string) int {
	t.Helper()
	var x, y [3]int
	for text, into := range map[string]*[3]int{a: &x, b: &y} {
		_, err := fmt.Sscanf(text, "v%d.%d.%d", &into[0], &into[1], &into[2])
		require.NoError(t, err, text)
	}
	return slices.Compare(x[:], y[:])
}
