package up

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/petcd/petcd/orchestrator/kubeadm"
)

const (
	// soon is how long what should happen at once may take on a machine that is busy with other tests.
	soon = 90 * time.Second
	// pause is between two looks.
	pause = 200 * time.Millisecond
	// impatient makes nodes count as lost after seconds, not after most of a minute.
	impatient = `---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
controllerManager:
  extraArgs: [{name: node-monitor-grace-period, value: 12s}, {name: node-monitor-period, value: 1s}]
`
)

// world is a cluster of a test.
type world struct {
	*Cluster
	t          *testing.T
	kubeconfig string
	within     namespace // where kubectl runs; "" for the machine's own
	log        bytes.Buffer
}

// programs is the folder of built programs, or the test is skipped.
func programs(t *testing.T) string {
	if os.Geteuid() != 0 {
		t.Skip("needs root, for network namespaces and cgroups")
	}
	bin := os.Getenv("PETCD_BIN_DIR")
	if bin == "" {
		t.Skip("needs the programs and images of `make images`: PETCD_BIN_DIR says in which folder they are")
	}
	for _, name := range []string{"kubeadm", "images.oci/index.json"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			t.Skipf("PETCD_BIN_DIR has not all that `make images` makes: %v", err)
		}
	}
	if _, err := exec.LookPath("kubectl"); err != nil {
		t.Skip("needs a kubectl on PATH")
	}
	return bin
}

// newWorld describes a cluster. What it leaves behind after the test fails the test.
func newWorld(t *testing.T, runtime string, workers int) *world {
	bin := programs(t)
	if runtime == "containerd" {
		if _, err := exec.LookPath("containerd"); err != nil {
			t.Skip("needs Debian's containerd")
		}
	}
	root, err := os.MkdirTemp("", "up") // short: sockets are below it
	require.NoError(t, err)
	name := filepath.Base(root)
	w := &world{t: t, Cluster: &Cluster{Name: name, Root: root, Bin: bin, Runtime: runtime, Workers: workers, Config: impatient}}
	w.Out = &w.log
	before := traces(t, root, name)
	require.Empty(t, before.own)
	t.Cleanup(func() {
		if t.Failed() {
			w.keepLogs()
		}
		w.Out = os.Stderr
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
		defer cancel()
		require.NoError(t, w.Down(ctx))
		after := traces(t, root, name)
		require.Empty(t, after.own, "left behind")
		require.Equal(t, before.network, after.network, "the machine's own network has changed")
		require.NoError(t, os.RemoveAll(root))
	})
	return w
}

// keepLogs shows the ends of the nodes' logs, which Down removes.
func (w *world) keepLogs() {
	w.t.Log(w.log.String())
	files, _ := filepath.Glob(filepath.Join(w.Root, "*/var/log/*.log"))
	pods, _ := filepath.Glob(filepath.Join(w.Root, "*/var/log/pods/kube-system*/*/*.log"))
	for _, f := range append(files, pods...) {
		out, _ := exec.Command("tail", "-n", "12", f).CombinedOutput()
		w.t.Logf("%s:\n%s", f, out)
	}
}

// trace is what there is of a cluster, and what the machine's own network is.
type trace struct {
	own     []string
	network string
}

// traces looks for processes, namespaces, mounts, cgroups and files.
func traces(t *testing.T, root, name string) (found trace) {
	t.Helper()
	pids, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, file := range pids {
		line, err := os.ReadFile(file)
		if err == nil && bytes.Contains(line, []byte(root+"/")) && filepath.Base(filepath.Dir(file)) != strconv.Itoa(os.Getpid()) {
			found.own = append(found.own, "process "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	spaces, err := filepath.Glob(filepath.Join(namespaceDir, name+"*"))
	require.NoError(t, err)
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, root+"/") {
			found.own = append(found.own, "mount "+line)
		}
	}
	files, err := filepath.Glob(filepath.Join(root, "*"))
	require.NoError(t, err)
	found.own = slices.Concat(found.own, spaces, files)
	for _, n := range []string{master, "worker1", "worker2"} {
		groups, err := filepath.Glob("/sys/fs/cgroup/*" + kubeadm.Layout{Root: filepath.Join(root, n)}.Cgroup())
		require.NoError(t, err)
		found.own = append(found.own, groups...)
	}
	for _, command := range []string{"ip link", "ip address", "ip route show table all", "nft list ruleset"} {
		words := strings.Fields(command)
		out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
		require.NoError(t, err, "%s: %s", command, out)
		found.network += string(out)
	}
	return found
}

// kubectl runs a stock kubectl and returns what it prints.
func (w *world) kubectl(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*soon)
	defer cancel()
	var out, failure bytes.Buffer
	cmd := exec.CommandContext(ctx, "kubectl", args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), "KUBECONFIG="+w.kubeconfig), &out, &failure
	var err error
	if w.within == "" {
		err = cmd.Start()
	} else {
		err = w.within.start(cmd)
	}
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w: %s%s", strings.Join(args, " "), err, out.String(), failure.String())
	}
	return out.String(), nil
}

// must is kubectl where it has to work. Words are split at spaces.
func (w *world) must(line string, more ...string) string {
	w.t.Helper()
	out, err := w.kubectl(append(strings.Fields(line), more...)...)
	require.NoError(w.t, err)
	return out
}

// eventually waits for something that kubectl prints.
func (w *world) eventually(want func(out string) bool, line string, more ...string) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		out, err := w.kubectl(append(strings.Fields(line), more...)...)
		return err == nil && want(out)
	}, soon, 300*time.Millisecond, "kubectl "+line)
}

// allRunning waits until every pod is, and every node is ready.
func (w *world) allRunning() {
	w.t.Helper()
	w.eventually(func(out string) bool { return !strings.Contains(out, "False") && !strings.Contains(out, "Unknown") }, "get nodes -o",
		`jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}`)
	w.eventually(func(out string) bool {
		return out != "" && !strings.Contains(out, "False") && !strings.Contains(out, " \n")
	}, "get pods -A -o", `jsonpath={range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}`)
}

// traffic sends requests to an address of the cluster, one after another, until stop, which returns how many there were and what failed.
func (w *world) traffic(address string) (stop func() (sent int, failed []string)) {
	ctx, cancel := context.WithCancel(context.Background())
	var sending sync.WaitGroup
	var sent int
	var failed []string
	sending.Go(func() {
		for ctx.Err() == nil {
			one, done := context.WithTimeout(context.Background(), 3*time.Second)
			if err := reachableOnce(one, w.namespace(master), address); err != nil {
				failed = append(failed, time.Now().Format("15:04:05.000 ")+err.Error())
			}
			done()
			sent++
			time.Sleep(20 * time.Millisecond) // a rate, not a wait
		}
	})
	return func() (int, []string) {
		cancel()
		sending.Wait()
		return sent, failed
	}
}

// processesOf are the processes in a pod's cgroups that have a name.
func processesOf(t *testing.T, uid, name string) (pids []int) {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	require.NoError(t, err)
	for _, dir := range dirs {
		comm, err1 := os.ReadFile(filepath.Join(dir, "comm"))
		group, err2 := os.ReadFile(filepath.Join(dir, "cgroup"))
		if err1 == nil && err2 == nil && strings.TrimSpace(string(comm)) == name && strings.Contains(string(group), uid) {
			pid, err := strconv.Atoi(filepath.Base(dir))
			require.NoError(t, err)
			pids = append(pids, pid)
		}
	}
	return pids
}

// crash ends the programs of a node as a loss of power does: all processes in its namespace at once, and those of its pods.
func (w *world) crash(node string) {
	w.t.Helper()
	dir := w.dir(node)
	groups := kubeadm.Layout{Root: dir}.Cgroup()
	doomed := func() (pids []int) {
		all, err := filepath.Glob("/proc/[0-9]*")
		require.NoError(w.t, err)
		for _, p := range all {
			line, err1 := os.ReadFile(filepath.Join(p, "cmdline"))
			group, err2 := os.ReadFile(filepath.Join(p, "cgroup"))
			if err1 != nil || err2 != nil || len(line) == 0 {
				continue
			}
			if bytes.Contains(line, []byte(dir+"/")) || bytes.Contains(line, []byte("--root="+dir+"\x00")) || bytes.Contains(group, []byte(groups+"/")) {
				if pid, err := strconv.Atoi(filepath.Base(p)); err == nil && pid != os.Getpid() {
					pids = append(pids, pid)
				}
			}
		}
		return pids
	}
	require.Eventually(w.t, func() bool {
		left := doomed()
		for _, pid := range left {
			_ = unix.Kill(pid, unix.SIGKILL) // it may have ended since
		}
		return len(left) == 0
	}, soon, 20*time.Millisecond)
}
