package critest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	created = runtimeapi.ContainerState_CONTAINER_CREATED
	running = runtimeapi.ContainerState_CONTAINER_RUNNING
	exited  = runtimeapi.ContainerState_CONTAINER_EXITED
)

// soon is less than any period of grace that a case gives: who ends within it wasn't waited for.
const soon = 20 * time.Second

// The life of a container, and how it is found.
var lifecycleCases = []testCase{
	{"CreateStartExitRemove", func(t *testing.T, s *suite) {
		c := s.pod(t).create(t, "sleep 0.2")
		status := c.status(t)
		require.Equal(t, created, status.State)
		require.NotZero(t, status.CreatedAt)
		require.Zero(t, status.StartedAt)
		require.Zero(t, status.FinishedAt)
		require.NoError(t, c.start(t))
		status = c.exited(t)
		require.GreaterOrEqual(t, status.StartedAt, status.CreatedAt)
		require.Greater(t, status.FinishedAt, status.StartedAt)
		require.Zero(t, status.ExitCode)
		require.Equal(t, "Completed", status.Reason)
		require.NoError(t, c.remove(t))
		_, err := s.rs.ContainerStatus(s.ctx(t), &runtimeapi.ContainerStatusRequest{ContainerId: c.id})
		requireCode(t, codes.NotFound, err)
	}},
	{"RunningHasNoEnd", func(t *testing.T, s *suite) {
		status := s.pod(t).start(t, "sleep 1000").status(t)
		require.Equal(t, running, status.State)
		require.NotZero(t, status.StartedAt)
		require.Zero(t, status.FinishedAt)
	}},
	{"ExitCode", func(t *testing.T, s *suite) {
		status := s.pod(t).start(t, "exit 7").exited(t)
		require.Equal(t, int32(7), status.ExitCode)
		require.Equal(t, "Error", status.Reason)
	}},
	{"ExitByASignal", func(t *testing.T, s *suite) {
		status := s.pod(t).start(t, "sh -c 'kill -9 $$'; exit $?").exited(t)
		require.Equal(t, int32(137), status.ExitCode)
	}},
	{"StatusTellsTheConfiguration", func(t *testing.T, s *suite) {
		labels, annotations := map[string]string{"io.kubernetes.container.name": "web"}, map[string]string{"hash": "1234"}
		c := s.pod(t).create(t, "true", func(c *runtimeapi.ContainerConfig) {
			c.Labels, c.Annotations, c.Metadata.Attempt = labels, annotations, 3
			c.Mounts = []*runtimeapi.Mount{{HostPath: s.dir, ContainerPath: "/mnt", Readonly: true}}
		})
		status := c.status(t)
		require.Equal(t, c.id, status.Id)
		require.Equal(t, c.config.Metadata.Name, status.Metadata.Name)
		require.Equal(t, uint32(3), status.Metadata.Attempt)
		require.Equal(t, labels, status.Labels)
		require.Equal(t, annotations, status.Annotations)
		require.Equal(t, c.pod.config.LogDirectory+"/"+c.config.LogPath, status.LogPath)
		require.Equal(t, s.images.busybox, status.Image.Image)
		require.NotEmpty(t, status.ImageRef)
		require.Len(t, status.Mounts, 1)
		require.Equal(t, "/mnt", status.Mounts[0].ContainerPath)
		require.True(t, status.Mounts[0].Readonly)
		listed := s.containers(t, containerIDFilter(c.id))[c.id]
		require.NotNil(t, listed)
		require.Equal(t, c.pod.id, listed.PodSandboxId)
		require.Equal(t, labels, listed.Labels)
		require.Equal(t, annotations, listed.Annotations)
		require.Equal(t, uint32(3), listed.Metadata.Attempt)
	}},
	{"StopWithGrace", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "trap 'echo goodbye; exit 5' TERM; echo ready; while :; do sleep 0.05; done")
		c.says(t, "ready")
		begun := time.Now()
		require.NoError(t, c.stopWithin(t, 50))
		require.Less(t, time.Since(begun), soon)
		status := c.status(t)
		require.Equal(t, exited, status.State)
		require.Equal(t, int32(5), status.ExitCode)
		require.Contains(t, text(c.lines(t), "stdout"), "goodbye")
	}},
	{"StopKillsWhenTheGraceIsOver", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "trap '' TERM; echo ready; while :; do sleep 0.05; done")
		c.says(t, "ready")
		begun := time.Now()
		require.NoError(t, c.stopWithin(t, 1))
		require.GreaterOrEqual(t, time.Since(begun), time.Second)
		status := c.status(t)
		require.Equal(t, exited, status.State)
		require.Equal(t, int32(137), status.ExitCode)
	}},
	{"StopWithoutGraceKills", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done")
		c.says(t, "ready")
		require.NoError(t, c.stopWithin(t, 0))
		require.Equal(t, int32(137), c.status(t).ExitCode)
	}},
	{"StopBySignalOfTheImage", func(t *testing.T, s *suite) {
		s.pull(t, s.images.odd)
		c := s.pod(t).start(t, "", func(c *runtimeapi.ContainerConfig) {
			c.Image.Image, c.Command = s.images.odd, nil
			c.Args = []string{"trap 'exit 6' USR1; trap '' TERM; echo ready; while :; do sleep 0.05; done"}
		})
		c.says(t, "ready")
		begun := time.Now()
		require.NoError(t, c.stopWithin(t, 50))
		require.Less(t, time.Since(begun), soon)
		require.Equal(t, int32(6), c.status(t).ExitCode)
	}},
	{"StopTwice", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "sleep 1000")
		require.NoError(t, c.stopWithin(t, 0))
		first := c.status(t)
		require.NoError(t, c.stopWithin(t, 0))
		require.Equal(t, first.FinishedAt, c.status(t).FinishedAt)
	}},
	{"AStopInAHurryOvertakes", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "trap '' TERM; echo ready; while :; do sleep 0.05; done")
		c.says(t, "ready")
		patient := make(chan error, 1)
		go func() { patient <- c.stopWithin(t, 50) }()
		begun := time.Now()
		require.Equal(t, "hi", c.read(t, "echo hi"), "a stop that waits holds nobody up")
		require.NoError(t, c.stopWithin(t, 0))
		require.NoError(t, <-patient)
		require.Less(t, time.Since(begun), soon)
		require.Equal(t, int32(137), c.status(t).ExitCode)
	}},
	{"StopOfAnUnknownOne", func(t *testing.T, s *suite) {
		s.differs(t, containerdName, "1.6 answers NotFound, which a kubelet takes for done, where CRI wants success")
		_, err := s.rs.StopContainer(s.ctx(t), &runtimeapi.StopContainerRequest{ContainerId: "unknown"})
		require.NoError(t, err)
	}},
	{"StopEndsAllItsProcesses", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "setsid sleep 3333 & echo ready; exec sleep 1000")
		c.says(t, "ready")
		until(t, "its child runs", func() bool { return runs("sleep 3333") })
		require.NoError(t, c.stopWithin(t, 0))
		until(t, "its child has ended", func() bool { return !runs("sleep 3333") })
	}},
	{"ExitEndsAllItsProcesses", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "setsid sleep 4444 >/dev/null 2>&1 & exit 0")
		c.exited(t)
		until(t, "its child has ended", func() bool { return !runs("sleep 4444") })
	}},
	{"RemoveOfARunningOne", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "exec sleep 5555")
		require.NoError(t, c.remove(t))
		require.Empty(t, s.containers(t, containerIDFilter(c.id)))
		require.False(t, runs("sleep 5555"))
	}},
	{"RemoveOfOneThatNeverRan", func(t *testing.T, s *suite) {
		c := s.pod(t).create(t, "true")
		require.NoError(t, c.remove(t))
		require.Empty(t, s.containers(t, containerIDFilter(c.id)))
	}},
	{"RemoveTwice", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "true")
		c.exited(t)
		require.NoError(t, c.remove(t))
		require.NoError(t, c.remove(t))
	}},
	{"UnknownOneIsNotFound", func(t *testing.T, s *suite) {
		_, err := s.rs.ContainerStatus(s.ctx(t), &runtimeapi.ContainerStatusRequest{ContainerId: "unknown"})
		requireCode(t, codes.NotFound, err)
		_, err = s.rs.StartContainer(s.ctx(t), &runtimeapi.StartContainerRequest{ContainerId: "unknown"})
		requireCode(t, codes.NotFound, err)
		_, err = s.rs.ExecSync(s.ctx(t), &runtimeapi.ExecSyncRequest{ContainerId: "unknown", Cmd: []string{"true"}})
		requireCode(t, codes.NotFound, err)
	}},
	{"StartTwice", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "sleep 1000")
		require.Error(t, c.start(t))
		require.Equal(t, running, c.status(t).State)
	}},
	{"NoRestart", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "true")
		c.exited(t)
		require.Error(t, c.start(t))
		require.Equal(t, exited, c.status(t).State)
	}},
	{"NoneInAnUnknownSandbox", func(t *testing.T, s *suite) {
		p := &pod{suite: s, id: "unknown", config: s.podConfig()}
		_, err := p.tryCreate(t, p.containerConfig("true"))
		requireCode(t, codes.NotFound, err)
	}},
	{"NoneOfAMissingImage", func(t *testing.T, s *suite) {
		p := s.pod(t)
		config := p.containerConfig("true", func(c *runtimeapi.ContainerConfig) { c.Image.Image = s.images.address + "/nothing:here" })
		_, err := p.tryCreate(t, config)
		require.Error(t, err)
		require.Empty(t, s.containers(t, &runtimeapi.ContainerFilter{PodSandboxId: p.id}))
	}},
	{"NoSuchCommand", func(t *testing.T, s *suite) {
		c := s.pod(t).create(t, "", func(c *runtimeapi.ContainerConfig) { c.Command = []string{"/no/such/command"} })
		require.ErrorContains(t, c.start(t), "/no/such/command")
		status := c.exited(t)
		require.NotZero(t, status.ExitCode)
		require.NotZero(t, status.FinishedAt)
		require.Equal(t, "StartError", status.Reason)
		require.NotEmpty(t, status.Message)
	}},
	{"AttemptsOfAContainer", func(t *testing.T, s *suite) {
		p := s.pod(t)
		config := p.containerConfig("true")
		one, err := p.tryCreate(t, config)
		require.NoError(t, err)
		_, err = p.tryCreate(t, config)
		require.Error(t, err, "there is one of that name and attempt")
		config.Metadata.Attempt = 1
		two, err := p.tryCreate(t, config)
		require.NoError(t, err)
		require.NotEqual(t, one.id, two.id)
		require.ElementsMatch(t, []string{one.id, two.id}, keys(s.containers(t, &runtimeapi.ContainerFilter{PodSandboxId: p.id})))
	}},
	{"ListByState", func(t *testing.T, s *suite) {
		p := s.pod(t)
		waiting, live, dead := p.create(t, "true"), p.start(t, "sleep 1000"), p.start(t, "true")
		dead.exited(t)
		for state, c := range map[runtimeapi.ContainerState]*container{created: waiting, running: live, exited: dead} {
			found := s.containers(t, &runtimeapi.ContainerFilter{PodSandboxId: p.id, State: &runtimeapi.ContainerStateValue{State: state}})
			require.Equal(t, []string{c.id}, keys(found), state.String())
			require.Equal(t, state, found[c.id].State)
		}
	}},
	{"ListByLabelsAndSandbox", func(t *testing.T, s *suite) {
		one, two := s.pod(t), s.pod(t)
		label := func(value string) func(*runtimeapi.ContainerConfig) {
			return func(c *runtimeapi.ContainerConfig) { c.Labels = map[string]string{"kind": value} }
		}
		a, b, c := one.create(t, "true", label("a")), one.create(t, "true", label("b")), two.create(t, "true", label("a"))
		selector := map[string]string{"kind": "a"}
		require.ElementsMatch(t, []string{a.id, c.id}, keys(s.containers(t, &runtimeapi.ContainerFilter{LabelSelector: selector})))
		require.Equal(t, []string{a.id}, keys(s.containers(t, &runtimeapi.ContainerFilter{LabelSelector: selector, PodSandboxId: one.id})))
		require.Empty(t, s.containers(t, &runtimeapi.ContainerFilter{Id: b.id, PodSandboxId: two.id}))
	}},
	{"TheImageMayGo", func(t *testing.T, s *suite) {
		s.pull(t, s.images.odd)
		c := s.pod(t).start(t, "", func(c *runtimeapi.ContainerConfig) {
			c.Image.Image, c.Command, c.Args = s.images.odd, nil, []string{"sleep 1000"}
		})
		s.removeImage(t, s.images.odd)
		require.Equal(t, "1234", c.read(t, "id -u"))
		require.Equal(t, running, c.status(t).State)
	}},
	{"Events", func(t *testing.T, s *suite) {
		s.differs(t, containerdName, "1.6 is older than GetContainerEvents; a kubelet lists at intervals")
		stream, err := s.rs.GetContainerEvents(s.ctx(t), &runtimeapi.GetEventsRequest{})
		require.NoError(t, err)
		events := make(chan *runtimeapi.ContainerEventResponse, 100)
		go func() {
			defer close(events)
			for {
				e, err := stream.Recv()
				if err != nil {
					return
				}
				events <- e
			}
		}()
		p := s.pod(t)
		until(t, "events come", func() bool { // a stream gives what happens once it is there, and doesn't say when that is
			require.NoError(t, p.create(t, "true").remove(t))
			return len(events) > 0
		})
		c := p.start(t, "exit 3")
		c.exited(t)
		require.NoError(t, c.remove(t))
		var seen []runtimeapi.ContainerEventType
		for len(seen) < 4 {
			e, more := <-events
			require.True(t, more, "seen: %v", seen)
			if e.ContainerId == c.id {
				require.NotZero(t, e.CreatedAt)
				seen = append(seen, e.ContainerEventType)
			}
		}
		require.Equal(t, []runtimeapi.ContainerEventType{
			runtimeapi.ContainerEventType_CONTAINER_CREATED_EVENT, runtimeapi.ContainerEventType_CONTAINER_STARTED_EVENT,
			runtimeapi.ContainerEventType_CONTAINER_STOPPED_EVENT, runtimeapi.ContainerEventType_CONTAINER_DELETED_EVENT,
		}, seen)
	}},
}

// says waits until the container has written a line to stdout.
func (c *container) says(t testing.TB, line string) {
	t.Helper()
	until(t, "the container says "+line, func() bool {
		for _, l := range c.lines(t) {
			if l.stream == "stdout" && l.text == line {
				return true
			}
		}
		return false
	})
}

// runs tells that there is a process of that command line.
func runs(command string) bool {
	for _, line := range processes() {
		if line == command {
			return true
		}
	}
	return false
}

// containerIDFilter lets one container through.
func containerIDFilter(id string) *runtimeapi.ContainerFilter {
	return &runtimeapi.ContainerFilter{Id: id}
}
