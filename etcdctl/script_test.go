package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/petcd/petcd/server/process"
	"github.com/petcd/petcd/server/tlstest"
)

// startTimeout bounds the start of a cluster, on a busy machine too.
const startTimeout = 2 * time.Minute

// TestMain makes the test binary an etcdctl when it is started by that name.
func TestMain(m *testing.M) {
	testscript.Main(withBuildDir{m}, map[string]func(){"etcdctl": main})
}

// withBuildDir runs tests while there is a buildDir.
type withBuildDir struct{ tests *testing.M }

// Run is for testscript.Main, which calls it in the test binary and not in an etcdctl.
func (m withBuildDir) Run() int {
	var err error
	if buildDir, err = os.MkdirTemp("", "petcd-etcdctl-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(buildDir)
	return m.tests.Run()
}

// TestSessions replays the sessions of testdata. Each is a list of commands
// with what they print; see session_test.go for the form. To write down anew
// what an etcdctl prints, run with PETCD_UPDATE=1, against etcd's own.
func TestSessions(t *testing.T) {
	t.Parallel() // they wait for disks more than they work
	sessions{dir: "testdata", api: "3", server: serverBinary(t)}.replay(t)
}

// TestSessionsOfAPI2 replays those of testdata/v2, on petcd and on the last etcd
// whose etcdctl they were recorded from.
func TestSessionsOfAPI2(t *testing.T) {
	t.Parallel()
	t.Run("petcd", func(t *testing.T) {
		t.Parallel()
		sessions{dir: "testdata/v2", api: "2", server: serverBinary(t)}.replay(t)
	})
	t.Run(process.Etcd34, func(t *testing.T) {
		t.Parallel()
		if os.Getenv("PETCD_SERVER") != "" {
			t.Skip("PETCD_SERVER names the one server")
		}
		peer, err := process.Locate(t.Context(), process.Etcd34, t.TempDir())
		if err != nil {
			t.Skip(err)
		}
		sessions{dir: "testdata/v2", api: "2", server: peer.Etcd}.replay(t)
	})
}

// sessions are the files of a folder, to be replayed against one server.
type sessions struct {
	dir    string
	api    string // ETCDCTL_API of a command that does not say
	server string // the binary
}

func (ss sessions) replay(t *testing.T) {
	etcdctl := os.Getenv("PETCD_ETCDCTL")
	peer := etcdctl != ""
	if !peer {
		var err error
		etcdctl, err = exec.LookPath("etcdctl") // this test binary
		require.NoError(t, err)
	}
	ca := tlstest.NewCA(t, t.TempDir(), "ca")
	testscript.Run(t, testscript.Params{
		Dir:                 ss.dir,
		UpdateScripts:       os.Getenv("PETCD_UPDATE") != "",
		RequireExplicitExec: true,
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "peer": // etcd's own etcdctl is tested
				return peer, nil
			case "petcd": // petcd serves
				out, err := exec.Command(ss.server, "--version").Output()
				return strings.Contains(string(out), "petcd"), err
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Setup: func(env *testscript.Env) error {
			env.Values[sessionKey{}] = newSession(etcdctl, env.WorkDir, ss.api)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"server": func(ts *testscript.TestScript, _ bool, args []string) {
				startServer(ts, process.Config{Binary: ss.server}, args)
			},
			"secureserver": func(ts *testscript.TestScript, _ bool, args []string) {
				startServer(ts, ss.secure(ca, sessionOf(ts)), args)
			},
			"replay": replay,
		},
	})
}

// serverBinary is the server that PETCD_SERVER names, or petcd's.
func serverBinary(t *testing.T) string {
	if path := os.Getenv("PETCD_SERVER"); path != "" {
		return path
	}
	found, err := petcd()
	require.NoError(t, err)
	return found.Etcd
}

// buildDir holds the server that the sessions build; see withBuildDir.
var buildDir string

// petcd finds petcd's server, or builds it once for all sessions.
var petcd = sync.OnceValues(func() (process.Binaries, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	return process.Locate(ctx, process.Petcd, buildDir)
})

// secure is a cluster whose client port speaks TLS and demands certificates.
// The session finds a CA and a client's certificate and key in $CA, $CERT and
// $KEY; commands are not given them.
func (ss sessions) secure(ca *tlstest.CA, s *session) process.Config {
	pair := ca.Server("both")
	s.files = map[string]string{"CA": ca.CertFile, "CERT": pair.CertFile, "KEY": pair.KeyFile}
	return process.Config{Binary: ss.server, Flags: tlstest.ClientPortFlags(ca, pair, true), ClientTLS: ca.Config(pair)}
}

// startServer is the script commands `server [members] [flags...]` and
// `secureserver`, for which cfg is more than a binary. The session finds the
// members in $CLIENT0 (host and port), $PEER0 (URL), $MEMBER0 (id in
// hexadecimal), $DATA0 (data directory) and so on, the leader first, and the
// commands talk to all of them.
func startServer(ts *testscript.TestScript, cfg process.Config, args []string) {
	s := sessionOf(ts)
	if len(args) > 0 {
		var err error
		cfg.Members, err = strconv.Atoi(args[0])
		ts.Check(err)
		cfg.Flags = append(cfg.Flags, args[1:]...)
	}
	if s.api == "2" {
		cfg.Flags = append(cfg.Flags, "--enable-v2")
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for try := 0; ; try++ {
		cfg.Root = ts.MkAbs("cluster" + strconv.Itoa(try))
		cluster, err := process.Start(ctx, cfg)
		ts.Check(err)
		err = s.learn(ctx, cluster, cfg.ClientTLS)
		if err == nil {
			ts.Defer(func() { _ = cluster.Close() }) // killed; nothing is left to lose
			return
		}
		ts.Check(cluster.Close())
		if !errors.Is(err, errShortID) {
			ts.Fatalf("%v", err)
		}
	}
}

// errShortID says that an id has less than 16 digits. Such ids come of one port
// in sixteen and would make columns narrower than the sessions have them.
var errShortID = errors.New("an id with leading zeros")

// learn gives the session the names of a cluster's parts.
func (s *session) learn(ctx context.Context, cluster *process.Cluster, secure *tls.Config) error {
	cli, err := clientv3.New(clientv3.Config{Endpoints: cluster.Endpoints(), TLS: secure, Logger: zap.NewNop()})
	if err != nil {
		return err
	}
	defer cli.Close()
	list, err := cli.MemberList(ctx)
	if err != nil {
		return err
	}
	ids := make(map[string]uint64) // by client URL
	for _, m := range list.Members {
		for _, u := range m.ClientURLs {
			ids[u] = m.ID
		}
	}
	names := newNames()
	if err := names.id(list.Header.GetClusterId(), "cluster"); err != nil {
		return err
	}
	s.vars = maps.Clone(s.files)
	if s.vars == nil {
		s.vars = map[string]string{}
	}
	members, err := leaderFirst(ctx, cli, cluster)
	if err != nil {
		return err
	}
	for name, path := range s.files {
		names.hosts = append(names.hosts, path, "$"+name)
	}
	var endpoints []string
	for i, m := range members {
		client, err := url.Parse(m.ClientURL)
		if err != nil {
			return err
		}
		peer, err := url.Parse(m.PeerURL)
		if err != nil {
			return err
		}
		id := ids[m.ClientURL]
		if err := names.id(id, fmt.Sprintf("member-%d", i)); err != nil {
			return err
		}
		names.host(client.Host, fmt.Sprintf("CLI%02d", i))
		names.host(peer.Host, fmt.Sprintf("PEE%02d", i))
		n := strconv.Itoa(i)
		s.vars["DATA"+n] = m.DataDir
		names.hosts = append(names.hosts, m.DataDir, "$DATA"+n)
		s.vars["CLIENT"+n], s.vars["PEER"+n], s.vars["MEMBER"+n] = client.Host, m.PeerURL, strconv.FormatUint(id, 16)
		endpoints = append(endpoints, s.endpoint(client))
	}
	s.env["ETCDCTL_ENDPOINTS"] = strings.Join(endpoints, ",")
	s.names, s.members = names, members
	if s.api == "2" {
		return s.learnTree(ctx)
	}
	return nil
}

// endpoint is how etcdctl is told of a client URL: in API 2, not without its
// scheme.
func (s *session) endpoint(client *url.URL) string {
	if s.api == "2" {
		return client.String()
	}
	return client.Host
}

func leaderFirst(ctx context.Context, cli *clientv3.Client, cluster *process.Cluster) ([]*process.Member, error) {
	members := cluster.Members()
	for i, m := range members {
		status, err := cli.Status(ctx, m.ClientURL)
		if err != nil {
			return nil, err
		}
		if status.Leader == status.Header.GetMemberId() {
			members[0], members[i] = members[i], members[0]
		}
	}
	return members, nil
}
