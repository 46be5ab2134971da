package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/petcd/petcd/server/process"
)

// startTimeout bounds the start of a cluster, on a busy machine too.
const startTimeout = time.Minute

// TestMain makes the test binary an etcdctl when it is started by that name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"etcdctl": main})
}

// TestSessions replays the sessions of testdata. Each is a list of commands
// with what they print; see session_test.go for the form. To write down anew
// what an etcdctl prints, run with PETCD_UPDATE=1, against etcd's own.
func TestSessions(t *testing.T) {
	server := serverBinary(t)
	etcdctl := os.Getenv("PETCD_ETCDCTL")
	peer := etcdctl != ""
	if !peer {
		var err error
		etcdctl, err = exec.LookPath("etcdctl") // this test binary
		require.NoError(t, err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		UpdateScripts:       os.Getenv("PETCD_UPDATE") != "",
		RequireExplicitExec: true,
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "peer": // etcd's own etcdctl is tested
				return peer, nil
			case "petcd": // petcd serves
				out, err := exec.Command(server, "--version").Output()
				return strings.Contains(string(out), "petcd"), err
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Setup: func(env *testscript.Env) error {
			env.Values[sessionKey{}] = newSession(etcdctl, env.WorkDir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"server": func(ts *testscript.TestScript, _ bool, args []string) { startServer(ts, server, args) },
			"replay": replay,
		},
	})
}

// serverBinary is the server that PETCD_SERVER names, or petcd's.
func serverBinary(t *testing.T) string {
	if path := os.Getenv("PETCD_SERVER"); path != "" {
		return path
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // it may have to be built
	defer cancel()
	found, err := process.Locate(ctx, process.Petcd, t.TempDir())
	require.NoError(t, err)
	return found.Etcd
}

// startServer is the script command `server [members] [flags...]`. The session
// finds the members in $CLIENT0 (host and port), $PEER0 (URL), $MEMBER0 (id in
// hexadecimal) and so on, the leader first, and the commands talk to all of
// them.
func startServer(ts *testscript.TestScript, binary string, args []string) {
	members := 1
	if len(args) > 0 {
		var err error
		members, err = strconv.Atoi(args[0])
		ts.Check(err)
		args = args[1:]
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	s := sessionOf(ts)
	for try := 0; ; try++ {
		cluster, err := process.Start(ctx, process.Config{
			Binary:  binary,
			Members: members,
			Root:    ts.MkAbs("cluster" + strconv.Itoa(try)),
			Flags:   args,
		})
		ts.Check(err)
		err = s.learn(ctx, cluster)
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
func (s *session) learn(ctx context.Context, cluster *process.Cluster) error {
	cli, err := clientv3.New(clientv3.Config{Endpoints: cluster.Endpoints(), Logger: zap.NewNop()})
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
	s.vars = map[string]string{}
	members, err := leaderFirst(ctx, cli, cluster)
	if err != nil {
		return err
	}
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
		s.vars["CLIENT"+n], s.vars["PEER"+n], s.vars["MEMBER"+n] = client.Host, m.PeerURL, strconv.FormatUint(id, 16)
		if i == 0 {
			s.env["ETCDCTL_ENDPOINTS"] = client.Host
		} else {
			s.env["ETCDCTL_ENDPOINTS"] += "," + client.Host
		}
	}
	s.names = names
	return nil
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
