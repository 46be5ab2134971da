package runtime

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/petcd/petcd/orchestrator/runtime/shim"
)

func (n *node) sandboxState(id string) runtimeapi.PodSandboxState {
	n.t.Helper()
	r, err := n.PodSandboxStatus(context.Background(), &runtimeapi.PodSandboxStatusRequest{PodSandboxId: id})
	require.NoError(n.t, err)
	return r.Status.State
}

func TestPodsOutliveTheDaemon(t *testing.T) {
	n := newNode(t)
	pod := n.pod()
	goesOn := n.run(pod, []string{"sh", "-c", "echo begun; exec sleep 1000"})
	ends := n.run(pod, []string{"sh", "-c", "while [ ! -e /tmp/end ]; do sleep 0.01; done; exit 7"})
	waits := n.create(pod, []string{"sh", "-c", "exit 3"})
	old := n.Server
	n.crash()
	_, err := old.sandboxes[pod].client.Exec(&shim.Exec{Container: ends, Process: shim.Process{Args: []string{"touch", "/tmp/end"}, Env: []string{"PATH=/bin"}}}, os.Stdin, os.Stderr, os.Stderr)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := shim.ReadExit(old.exitFile(ends))
		return err == nil
	}, patience, time.Millisecond, "it ends without a daemon")
	n.start()
	require.Equal(t, runtimeapi.PodSandboxState_SANDBOX_READY, n.sandboxState(pod))
	require.Equal(t, runtimeapi.ContainerState_CONTAINER_RUNNING, n.status(goesOn).State)
	require.Equal(t, int32(7), n.status(ends).ExitCode)
	require.Equal(t, "Error", n.status(ends).Reason)
	require.Equal(t, runtimeapi.ContainerState_CONTAINER_CREATED, n.status(waits).State)
	_, err = n.StartContainer(context.Background(), &runtimeapi.StartContainerRequest{ContainerId: waits})
	require.NoError(t, err)
	require.Equal(t, int32(3), n.exited(waits).ExitCode)
	out, code := n.shell(goesOn, "echo here")
	require.Zero(t, code)
	require.Equal(t, "here\n", out)
	again := n.pod()
	address := func(id string) string {
		r, err := n.PodSandboxStatus(context.Background(), &runtimeapi.PodSandboxStatusRequest{PodSandboxId: id})
		require.NoError(t, err)
		return r.Status.Network.Ip
	}
	require.NotEqual(t, address(pod), address(again), "an address that is given stays so")
}

func TestAKilledShimLeavesNothing(t *testing.T) {
	for name, meanwhile := range map[string]bool{"the daemon sees it": false, "no daemon is there": true} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			pod := n.pod(sharedProcesses)
			id := n.run(pod, []string{"sleep", "4242"}, seesThePod)
			if meanwhile {
				n.crash()
			}
			pids := processesOf(n.sandboxDir(pod))
			require.NotEmpty(t, pids) // the shim, and the pause process, which still has its command line
			require.NoError(t, unix.Kill(min(pids[0], pids[len(pids)-1]), unix.SIGKILL))
			if meanwhile {
				n.start()
			}
			st := n.exited(id)
			require.Equal(t, "Unknown", st.Reason)
			require.Equal(t, int32(255), st.ExitCode)
			require.Equal(t, runtimeapi.PodSandboxState_SANDBOX_NOTREADY, n.sandboxState(pod))
			require.Eventually(t, func() bool { return len(processesOf("4242")) == 0 }, patience, time.Millisecond)
		})
	}
}

// A shim that hangs is as good as none: neither a daemon that takes over nor one that stops the pod waits for it for ever.
func TestAHungShimIsKilled(t *testing.T) {
	n := newNode(t)
	pod := n.pod()
	id := n.run(pod, []string{"sleep", "4242"})
	pids := processesOf(n.sandboxDir(pod))
	require.NoError(t, unix.Kill(slices.Min(pids), unix.SIGSTOP))
	require.NoError(t, shim.NewClient(n.sandboxDir(pod)).End(10*time.Millisecond))
	require.Equal(t, "Unknown", n.exited(id).Reason)
	require.Empty(t, processesOf("4242"))
	_, err := n.StopPodSandbox(context.Background(), &runtimeapi.StopPodSandboxRequest{PodSandboxId: pod})
	require.NoError(t, err)
}

// A daemon may die at any step of making a pod: each is simulated by what it leaves, as the daemon after it finds it.
func TestWhatIsHalfMadeIsRemoved(t *testing.T) {
	n := newNode(t)
	half := func(upTo int) {
		id := newID()
		b := &sandbox{config: &runtimeapi.PodSandboxConfig{}, record: sandboxRecord{ID: id, Stage: making, Config: message("{}"), Group: n.options.Parent + "/half" + id + "/" + id, Top: n.options.Parent}}
		dir := n.sandboxDir(id)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "root"), 0o711))
		steps := []func(){
			func() { require.NoError(t, save(dir, &b.record)) },
			func() { require.NoError(t, n.cgroups.Create(b.record.Group)) },
			func() {
				client, err := shim.Launch(n.options.Shim, dir)
				require.NoError(t, err)
				b.client = client
			},
			func() {
				_, netns, err := b.client.Sandbox(&shim.Sandbox{Dir: filepath.Join(dir, "root"), Hostname: "half", ShmSize: 1 << 20, Cgroups: n.cgroups.Dirs(b.record.Group)})
				require.NoError(t, err)
				b.netns = netns
			},
			func() {
				_, err := n.network.Add(id, b.netns)
				require.NoError(t, err)
			},
		}
		for _, step := range steps[:upTo] {
			step()
		}
		if b.netns != nil {
			require.NoError(t, b.netns.Close())
		}
	}
	for upTo := range 6 {
		half(upTo)
	}
	// And a container: its folder without a record, and what it wrote without either.
	require.NoError(t, os.MkdirAll(n.containerDir("half"), 0o711))
	require.NoError(t, os.MkdirAll(n.rootDir("containers", "half", "upper"), 0o711))
	n.crash()
	n.start()
	list, err := n.ListPodSandbox(context.Background(), &runtimeapi.ListPodSandboxRequest{})
	require.NoError(t, err)
	require.Empty(t, list.Items)
	n.requireNothingLeft()
}

func TestAStartedContainerThatTheDaemonForgotIsTakenOver(t *testing.T) {
	n := newNode(t)
	pod := n.pod()
	id := n.run(pod, []string{"sleep", "4321"})
	// As if the daemon had died between the shim's answer and its own record.
	n.mu.Lock()
	record := n.containers[id].record
	n.mu.Unlock()
	record.Started, record.User = time.Time{}, nil
	require.NoError(t, save(n.containerDir(id), &record))
	n.crash()
	n.start()
	require.Equal(t, runtimeapi.ContainerState_CONTAINER_RUNNING, n.status(id).State)
	require.NotZero(t, n.status(id).StartedAt)

	// Or as if the shim had come to it only after the next daemon had asked how all is.
	n.mu.Lock()
	n.containers[id].record.Started = time.Time{}
	n.mu.Unlock()
	_, err := n.StartContainer(context.Background(), &runtimeapi.StartContainerRequest{ContainerId: id})
	require.NoError(t, err)
	require.Len(t, processesOf("4321"), 1, "it runs once")
}

func TestStoppingIsIdempotent(t *testing.T) {
	n := newNode(t)
	pod := n.pod()
	id := n.run(pod, []string{"sleep", "1000"})
	for range 2 {
		_, err := n.StopPodSandbox(context.Background(), &runtimeapi.StopPodSandboxRequest{PodSandboxId: pod})
		require.NoError(t, err)
	}
	require.Equal(t, int32(137), n.status(id).ExitCode)
	n.crash()
	n.start()
	require.Equal(t, int32(137), n.status(id).ExitCode)
	require.Equal(t, runtimeapi.PodSandboxState_SANDBOX_NOTREADY, n.sandboxState(pod))
	for range 2 {
		_, err := n.RemovePodSandbox(context.Background(), &runtimeapi.RemovePodSandboxRequest{PodSandboxId: pod})
		require.NoError(t, err)
	}
	_, err := n.StopContainer(context.Background(), &runtimeapi.StopContainerRequest{ContainerId: id})
	require.NoError(t, err)
}
