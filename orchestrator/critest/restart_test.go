package critest

import (
	"context"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// A runtime that crashed and is started again: pods neither notice nor are forgotten.
var restartCases = []testCase{
	{"ContainersLiveOn", func(t *testing.T, s *suite) {
		p := s.pod(t, func(c *runtimeapi.PodSandboxConfig) { c.Labels = map[string]string{"kind": "survivor"} })
		web, c := p.web(t, 8080), p.start(t, "echo $$ > /tmp/pid; i=0; while :; do echo $((i=i+1)); sleep 0.02; done")
		c.says(t, "1")
		podBefore, before := p.status(t), c.status(t)
		s.crash(t, func() {
			require.Contains(t, get(t, "http://"+podBefore.Network.Ip+":8080/healthz"), "ok", "it serves while the runtime is away")
		})
		require.Equal(t, podBefore.String(), p.status(t).String())
		after := c.status(t)
		require.Equal(t, running, after.State)
		require.Equal(t, before.StartedAt, after.StartedAt)
		require.Equal(t, before.CreatedAt, after.CreatedAt)
		require.Equal(t, running, web.status(t).State)
		require.Contains(t, s.sandboxes(t, &runtimeapi.PodSandboxFilter{LabelSelector: p.config.Labels}), p.id)
		require.Contains(t, s.containers(t, &runtimeapi.ContainerFilter{PodSandboxId: p.id}), c.id)
		c.read(t, "kill -0 $(cat /tmp/pid)")
	}},
	{"CommandsAndStreamsWorkAfterwards", func(t *testing.T, s *suite) {
		p := s.pod(t)
		c := p.web(t, 8080)
		s.crash(t, nil)
		require.Equal(t, "hi", c.read(t, "echo hi"))
		stdout, _, err := stream(t, c.execURL(t, "cat", true, false), streamInput("through"))
		require.NoError(t, err)
		require.Equal(t, "through", stdout)
		require.Contains(t, get(t, "http://"+p.ip(t)+":8080/"), p.config.Hostname)
		r, err := s.rs.ContainerStats(s.ctx(t), &runtimeapi.ContainerStatsRequest{ContainerId: c.id})
		require.NoError(t, err)
		require.Equal(t, c.id, r.Stats.Attributes.Id)
	}},
	{"AttachWorksAfterwards", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "while read line; do echo got $line; done", func(c *runtimeapi.ContainerConfig) { c.Stdin, c.StdinOnce = true, true })
		s.crash(t, nil)
		r, err := s.rs.Attach(s.ctx(t), &runtimeapi.AttachRequest{ContainerId: c.id, Stdin: true, Stdout: true, Stderr: true})
		require.NoError(t, err)
		stdout, _, err := stream(t, r.Url, streamInput("one\ntwo\n"))
		require.NoError(t, err)
		require.Equal(t, "got one\ngot two\n", stdout)
		require.Zero(t, c.exited(t).ExitCode)
	}},
	{"AShimThatIsKilled", func(t *testing.T, s *suite) {
		p := s.pod(t)
		c := p.start(t, "exec sleep 8888")
		for _, pid := range s.shims() {
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		}
		until(t, "the pod has ended", func() bool { return p.status(t).State == notReady })
		require.NotZero(t, c.exited(t).ExitCode)
		until(t, "so have its processes", func() bool { return !runs("sleep 8888") })
		p.end(t)
		require.True(t, s.gone(s.ctx(t), p.id))
	}},
	{"AShimThatIsKilledMeanwhile", func(t *testing.T, s *suite) {
		p := s.pod(t)
		c := p.start(t, "exec sleep 9999")
		s.crash(t, func() {
			for _, pid := range s.shims() {
				require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
			}
		})
		until(t, "the pod has ended", func() bool { return p.status(t).State == notReady })
		require.NotZero(t, c.exited(t).ExitCode)
		until(t, "so have its processes", func() bool { return !runs("sleep 9999") })
	}},
	{"LogsGoOn", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "i=0; while :; do echo $((i=i+1)); sleep 0.01; done")
		c.says(t, "5")
		s.crash(t, nil)
		length := len(c.lines(t))
		until(t, "the log grows", func() bool { return len(c.lines(t)) > length+20 })
		last := 0
		for _, l := range c.lines(t) {
			last++
			if s.runtime.Name() == embeddedName { // containerd loses what was in its pipes when it crashed
				require.Equal(t, strconv.Itoa(last), l.text, "no line is lost")
			}
		}
	}},
	{"StopWorksAfterwards", func(t *testing.T, s *suite) {
		p := s.pod(t)
		c := p.start(t, "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done")
		c.says(t, "ready")
		s.crash(t, nil)
		require.NoError(t, c.stopWithin(t, 50))
		require.Equal(t, int32(5), c.status(t).ExitCode)
		require.NoError(t, c.remove(t))
		p.end(t)
		require.True(t, s.gone(s.ctx(t), p.id))
	}},
	{"AnEndMeanwhileIsNoticed", func(t *testing.T, s *suite) {
		dir, p := s.folder(t), s.pod(t)
		c := p.start(t, "while [ ! -e /data/end ]; do sleep 0.02; done; touch /data/ended; exit 8", mount(dir, "/data"))
		dead := p.start(t, "exit 3")
		require.Equal(t, int32(3), dead.exited(t).ExitCode)
		s.crash(t, func() {
			touch(t, dir+"/end")
			until(t, "it has ended", func() bool { return exists(dir + "/ended") })
		})
		require.Equal(t, int32(8), c.exited(t).ExitCode)
		require.Equal(t, int32(3), dead.status(t).ExitCode)
	}},
	{"OneThatNeverRanIsThere", func(t *testing.T, s *suite) {
		c := s.pod(t).create(t, "exit 2")
		s.crash(t, nil)
		require.Equal(t, created, c.status(t).State)
		require.NoError(t, c.start(t))
		require.Equal(t, int32(2), c.exited(t).ExitCode)
	}},
	{"AStoppedSandboxStaysStopped", func(t *testing.T, s *suite) {
		p := s.pod(t)
		p.stop(t)
		s.crash(t, nil)
		require.Equal(t, notReady, p.status(t).State)
	}},
	{"ImagesStay", func(t *testing.T, s *suite) {
		before := s.image(t, s.images.busybox)
		s.crash(t, nil)
		require.Equal(t, before.Id, s.image(t, s.images.busybox).Id)
	}},
	{"NewPodsHaveOtherAddresses", func(t *testing.T, s *suite) {
		one := s.pod(t)
		s.crash(t, nil)
		require.NotEqual(t, one.ip(t), s.pod(t).ip(t))
	}},
	{"NamesStayTaken", func(t *testing.T, s *suite) {
		p := s.pod(t)
		s.crash(t, nil)
		_, err := s.rs.RunPodSandbox(s.ctx(t), &runtimeapi.RunPodSandboxRequest{Config: p.config})
		require.Error(t, err)
	}},
	{"StoppedByAnOperator", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "sleep 1000")
		require.NoError(t, s.runtime.Stop())
		s.start(t)
		require.Equal(t, running, c.status(t).State)
		require.Equal(t, "hi", c.read(t, "echo hi"))
	}},
	{"CrashesWhilePodsComeAndGo", func(t *testing.T, s *suite) {
		s.differs(t, containerdName, "1.6 forgets a shim that was starting when it was killed: the process stays, and CRI doesn't show it")
		before := s.state(t)
		var begun []*runtimeapi.PodSandboxConfig
		for round := range 12 {
			begun = append(begun, s.crashAmidst(t, 4, time.Duration(round)*12*time.Millisecond)...)
		}
		// Whatever half of a pod there is can be listed and removed.
		for id := range s.sandboxes(t, nil) {
			(&pod{suite: s, id: id}).end(t)
		}
		require.Empty(t, s.sandboxes(t, nil))
		require.Empty(t, s.containers(t, nil))
		for _, config := range begun {
			removePodCgroup(config)
		}
		s.requireNothingLeft(t, before)
	}},
}

// crashAmidst kills the runtime a while after n pods have begun to come and go, and starts it again. It returns
// the pods' configurations.
func (s *suite) crashAmidst(t testing.TB, n int, after time.Duration) (configs []*runtimeapi.PodSandboxConfig) {
	t.Helper()
	var all sync.WaitGroup
	rs := s.rs
	for range n {
		config := s.podConfig()
		require.NoError(t, os.MkdirAll(config.LogDirectory, 0o755))
		configs = append(configs, config)
		all.Go(func() {
			comeAndGo(s.ctx(t), rs, (&pod{suite: s, config: config}).containerConfig("sleep 1000"), config)
		})
	}
	time.Sleep(after) // the moment of the crash, which is what the rounds differ in; nothing is waited for
	s.crash(t, all.Wait)
	return configs
}

// comeAndGo takes a pod through its life, until that fails because the runtime has been killed.
func comeAndGo(ctx context.Context, rs runtimeapi.RuntimeServiceClient, container *runtimeapi.ContainerConfig, config *runtimeapi.PodSandboxConfig) {
	sandbox, err := rs.RunPodSandbox(ctx, &runtimeapi.RunPodSandboxRequest{Config: config})
	if err != nil {
		return
	}
	made, err := rs.CreateContainer(ctx, &runtimeapi.CreateContainerRequest{PodSandboxId: sandbox.PodSandboxId, Config: container, SandboxConfig: config})
	if err != nil {
		return
	}
	if _, err := rs.StartContainer(ctx, &runtimeapi.StartContainerRequest{ContainerId: made.ContainerId}); err != nil {
		return
	}
	if _, err := rs.StopPodSandbox(ctx, &runtimeapi.StopPodSandboxRequest{PodSandboxId: sandbox.PodSandboxId}); err != nil {
		return
	}
	_, _ = rs.RemovePodSandbox(ctx, &runtimeapi.RemovePodSandboxRequest{PodSandboxId: sandbox.PodSandboxId}) // the last step
}

// crash kills the runtime, does what is to be done meanwhile, and starts it again.
func (s *suite) crash(t testing.TB, meanwhile func()) {
	t.Helper()
	require.NoError(t, s.runtime.Kill())
	if meanwhile != nil {
		meanwhile()
	}
	s.start(t)
}
