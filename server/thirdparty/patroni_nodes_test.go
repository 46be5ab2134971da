//go:build linux

package thirdparty

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
)

const (
	scope    = "petcd"
	loopWait = 2 * time.Second
	// psqlFlags have psql go without its reading of files, its headers and its chatter.
	psqlFlags = "-XqAt"
)

// patroni is a pair of PostgreSQL nodes that Patroni runs.
type patroni struct {
	nodes []*patroniNode
	user  *syscall.Credential // nil: as this process
	said  string              // what patronictl said last
}

// patroniNode is one Patroni and its PostgreSQL.
type patroniNode struct {
	name           string
	dir            string
	pgPort, apiURL string
	user           *syscall.Credential
	cmd            *exec.Cmd
	exited         chan struct{}
}

// newPatroni writes the configuration of two nodes and starts nothing. section is "etcd" (API 2) or "etcd3".
func newPatroni(t *testing.T, section string, endpoints []string) *patroni {
	t.Helper()
	root, err := os.MkdirTemp("", "patroni") // not t.TempDir: PostgreSQL's user must be let in
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(root)) })
	require.NoError(t, os.Chmod(root, 0o755))
	p := &patroni{user: unprivileged(t)}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("patronictl said last:\n%s", p.said)
		}
	})
	for _, name := range []string{"pg1", "pg2"} {
		p.nodes = append(p.nodes, p.newNode(t, root, name, section, endpoints))
	}
	return p
}

// unprivileged is whom PostgreSQL runs as: it refuses root.
func unprivileged(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	require.NoError(t, err)
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	require.NoError(t, err)
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	require.NoError(t, err)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func (p *patroni) newNode(t *testing.T, root, name, section string, endpoints []string) *patroniNode {
	t.Helper()
	pg, err := process.FreePort()
	require.NoError(t, err)
	api, err := process.FreePort()
	require.NoError(t, err)
	n := &patroniNode{name: name, dir: filepath.Join(root, name), user: p.user,
		pgPort: strconv.Itoa(pg), apiURL: fmt.Sprintf("http://127.0.0.1:%d", api)}
	require.NoError(t, os.Mkdir(n.dir, 0o700))
	if n.user != nil {
		require.NoError(t, os.Chown(n.dir, int(n.user.Uid), int(n.user.Gid)))
	}
	config, err := json.MarshalIndent(n.config(t, section, endpoints, api), "", "  ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(n.configFile(), config, 0o644)) // JSON is YAML
	return n
}

func (n *patroniNode) configFile() string { return filepath.Join(n.dir, "patroni.yml") }
func (n *patroniNode) dataDir() string    { return filepath.Join(n.dir, "data") }
func (n *patroniNode) logFile() string    { return filepath.Join(n.dir, "log") }

// config has Patroni's shortest lease, so that a failover is awaited for seconds, and synchronous replication, without which Patroni itself
// promises only most of the rows. PostgreSQL syncs nothing to disk: processes are killed here, not machines.
func (n *patroniNode) config(t *testing.T, section string, endpoints []string, apiPort int) map[string]any {
	t.Helper()
	var hosts []string
	for _, url := range endpoints {
		hosts = append(hosts, strings.TrimPrefix(url, "http://"))
	}
	access := map[string]any{"hosts": hosts}
	if section == "etcd" {
		access["username"], access["password"] = storeUser, storeUser
	}
	return map[string]any{
		"scope": scope, "namespace": "/service/", "name": n.name,
		section:   access,
		"restapi": map[string]any{"listen": fmt.Sprintf("127.0.0.1:%d", apiPort), "connect_address": fmt.Sprintf("127.0.0.1:%d", apiPort)},
		"bootstrap": map[string]any{
			"dcs": map[string]any{
				"ttl": 20, "loop_wait": loopWait.Seconds(), "retry_timeout": 8, "synchronous_mode": true,
				"postgresql": map[string]any{"use_pg_rewind": true},
			},
			"initdb": []any{"no-sync", "data-checksums", map[string]string{"encoding": "UTF8"},
				map[string]string{"auth-host": "trust"}, map[string]string{"auth-local": "trust"}},
			"pg_hba": []string{"host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"},
		},
		"postgresql": map[string]any{
			"listen": "127.0.0.1:" + n.pgPort, "connect_address": "127.0.0.1:" + n.pgPort,
			"data_dir": n.dataDir(), "bin_dir": postgresBin(t), "pgpass": filepath.Join(n.dir, "pgpass"),
			"authentication": map[string]any{
				"superuser":   map[string]string{"username": "postgres", "password": "postgres"},
				"replication": map[string]string{"username": "replicator", "password": "replicator"},
			},
			"parameters": map[string]any{"unix_socket_directories": n.dir, "fsync": "off", "shared_buffers": "16MB", "max_connections": 30},
		},
	}
}

// postgresBin is the folder of PostgreSQL's programs in Debian's layout, the newest version's.
func postgresBin(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	require.NoError(t, err)
	require.NotEmpty(t, found, "PostgreSQL is not installed; make clients installs it")
	return filepath.Dir(found[len(found)-1])
}

// start runs Patroni, which runs PostgreSQL.
func (n *patroniNode) start(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(n.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	defer log.Close()
	cmd := exec.Command("/usr/bin/patroni", n.configFile())
	cmd.Dir, cmd.Stdout, cmd.Stderr = n.dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true, Credential: n.user}
	require.NoError(t, cmd.Start())
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its code is read from ProcessState
		close(exited)
	}()
	n.cmd, n.exited = cmd, exited
	t.Cleanup(func() {
		if t.Failed() {
			tail, err := exec.Command("tail", "-n", "60", n.logFile()).Output()
			t.Logf("%s, the end of its log (%v):\n%s", n.name, err, tail)
		}
		n.kill(t)
	})
}

// kill ends Patroni and PostgreSQL at once, as a machine that loses its power does.
func (n *patroniNode) kill(t *testing.T) {
	t.Helper()
	_ = n.cmd.Process.Kill() // an error says that it has ended
	<-n.exited
	pid := n.postmaster()
	if pid == 0 {
		return
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	until(t, writeTimeout, "end of PostgreSQL", func() bool { return !isPostmaster(pid, n.dataDir()) })
}

// postmaster is the id of the PostgreSQL that runs in the node's own folder, 0 when none does. A file that a killed one left may name a
// process that somebody else has started since.
func (n *patroniNode) postmaster() int {
	data, err := os.ReadFile(filepath.Join(n.dataDir(), "postmaster.pid"))
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(data), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil || !isPostmaster(pid, n.dataDir()) {
		return 0
	}
	return pid
}

func isPostmaster(pid int, dataDir string) bool {
	command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && bytes.Contains(command, []byte(dataDir))
}

// stop asks Patroni to end, which ends PostgreSQL first.
func (n *patroniNode) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, n.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-n.exited:
	case <-time.After(writeTimeout):
		require.Fail(t, "Patroni does not end")
	}
	require.Zero(t, n.cmd.ProcessState.ExitCode())
	require.Zero(t, n.postmaster(), "Patroni left its PostgreSQL running")
}

// waitForStoreSeen waits until Patroni has reached the store after a moment.
func (n *patroniNode) waitForStoreSeen(t *testing.T, after time.Time) {
	t.Helper()
	until(t, failoverTimeout, "answer of the store to "+n.name, func() bool {
		var status struct {
			Seen int64 `json:"dcs_last_seen"`
		}
		resp, err := http.Get(n.apiURL + "/patroni")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return json.NewDecoder(resp.Body).Decode(&status) == nil && status.Seen > after.Unix()
	})
}

// rows lists what this node's table holds.
func (n *patroniNode) rows(t *testing.T) []int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), writeTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, "psql", psqlFlags, "-c", "SELECT n FROM journal ORDER BY n",
		"host=127.0.0.1 user=postgres dbname=postgres port="+n.pgPort).CombinedOutput()
	require.NoError(t, err, "%s", out)
	var rows []int
	for line := range strings.Lines(string(out)) {
		row, err := strconv.Atoi(strings.TrimSpace(line))
		require.NoError(t, err)
		rows = append(rows, row)
	}
	return rows
}
