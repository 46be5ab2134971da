package critest

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	ready    = runtimeapi.PodSandboxState_SANDBOX_READY
	notReady = runtimeapi.PodSandboxState_SANDBOX_NOTREADY
)

// The life of a sandbox, and how it is found.
var sandboxCases = []testCase{
	{"RunStopRemove", func(t *testing.T, s *suite) {
		p := s.pod(t)
		require.Equal(t, ready, p.status(t).State)
		require.NotZero(t, p.status(t).CreatedAt)
		p.stop(t)
		require.Equal(t, notReady, p.status(t).State)
		p.end(t)
		require.True(t, s.gone(s.ctx(t), p.id))
	}},
	{"StatusTellsTheConfiguration", func(t *testing.T, s *suite) {
		labels, annotations := map[string]string{"app": "web", "tier": "front"}, map[string]string{"note": "a longer text, with = and /"}
		p := s.pod(t, func(c *runtimeapi.PodSandboxConfig) { c.Labels, c.Annotations = labels, annotations })
		status := p.status(t)
		require.Equal(t, p.id, status.Id)
		require.Equal(t, labels, status.Labels)
		require.Equal(t, annotations, status.Annotations)
		require.Equal(t, p.config.Metadata.Name, status.Metadata.Name)
		require.Equal(t, p.config.Metadata.Namespace, status.Metadata.Namespace)
		require.Equal(t, p.config.Metadata.Uid, status.Metadata.Uid)
		require.Equal(t, runtimeapi.NamespaceMode_CONTAINER, status.Linux.Namespaces.Options.Pid)
		require.Equal(t, runtimeapi.NamespaceMode_POD, status.Linux.Namespaces.Options.Network)
		listed := s.sandboxes(t, &runtimeapi.PodSandboxFilter{Id: p.id})[p.id]
		require.NotNil(t, listed)
		require.Equal(t, labels, listed.Labels)
		require.Equal(t, annotations, listed.Annotations)
		require.Equal(t, status.CreatedAt, listed.CreatedAt)
	}},
	{"StopTwice", func(t *testing.T, s *suite) {
		p := s.pod(t)
		p.stop(t)
		p.stop(t)
	}},
	{"RemoveTwice", func(t *testing.T, s *suite) {
		p := s.pod(t)
		p.end(t)
		_, err := s.rs.RemovePodSandbox(s.ctx(t), &runtimeapi.RemovePodSandboxRequest{PodSandboxId: p.id})
		require.NoError(t, err)
	}},
	{"StopOfAnUnknownOneIsDone", func(t *testing.T, s *suite) {
		s.differs(t, containerdName, "1.6 answers NotFound, which a kubelet takes for done, where CRI wants success")
		_, err := s.rs.StopPodSandbox(s.ctx(t), &runtimeapi.StopPodSandboxRequest{PodSandboxId: "unknown"})
		require.NoError(t, err)
	}},
	{"RemoveOfAnUnknownOneIsDone", func(t *testing.T, s *suite) {
		_, err := s.rs.RemovePodSandbox(s.ctx(t), &runtimeapi.RemovePodSandboxRequest{PodSandboxId: "unknown"})
		require.NoError(t, err)
	}},
	{"UnknownOneIsNotFound", func(t *testing.T, s *suite) {
		require.True(t, s.gone(s.ctx(t), "unknown"))
	}},
	{"RemoveOfARunningOne", func(t *testing.T, s *suite) {
		p := s.pod(t)
		c := p.start(t, "sleep 1000")
		_, err := s.rs.RemovePodSandbox(s.ctx(t), &runtimeapi.RemovePodSandboxRequest{PodSandboxId: p.id})
		require.NoError(t, err)
		require.True(t, s.gone(s.ctx(t), p.id))
		require.Empty(t, s.containers(t, &runtimeapi.ContainerFilter{Id: c.id}))
	}},
	{"StopEndsItsContainers", func(t *testing.T, s *suite) {
		p := s.pod(t)
		c := p.start(t, "sleep 1000")
		p.stop(t)
		require.Equal(t, runtimeapi.ContainerState_CONTAINER_EXITED, c.status(t).State)
	}},
	{"NoContainerInAStoppedOne", func(t *testing.T, s *suite) {
		p := s.pod(t)
		p.stop(t)
		if c, err := p.tryCreate(t, p.containerConfig("true")); err == nil {
			require.Error(t, c.start(t), "it starts in a sandbox that has ended")
		}
	}},
	{"OneOfAName", func(t *testing.T, s *suite) {
		p := s.pod(t)
		_, err := s.rs.RunPodSandbox(s.ctx(t), &runtimeapi.RunPodSandboxRequest{Config: p.config})
		require.Error(t, err)
	}},
	{"AttemptsOfAPod", func(t *testing.T, s *suite) {
		one := s.pod(t)
		one.stop(t)
		two := s.run(t, s.podConfig(func(c *runtimeapi.PodSandboxConfig) {
			c.Metadata.Name, c.Metadata.Uid, c.Metadata.Attempt = one.config.Metadata.Name, one.config.Metadata.Uid, 1
		}))
		require.NotEqual(t, one.id, two.id)
		require.Equal(t, uint32(0), one.status(t).Metadata.Attempt)
		require.Equal(t, uint32(1), two.status(t).Metadata.Attempt)
	}},
	{"ListByState", func(t *testing.T, s *suite) {
		up, down := s.pod(t), s.pod(t)
		down.stop(t)
		is := func(state runtimeapi.PodSandboxState) map[string]*runtimeapi.PodSandbox {
			return s.sandboxes(t, &runtimeapi.PodSandboxFilter{State: &runtimeapi.PodSandboxStateValue{State: state}})
		}
		require.Contains(t, is(ready), up.id)
		require.NotContains(t, is(ready), down.id)
		require.Contains(t, is(notReady), down.id)
		require.NotContains(t, is(notReady), up.id)
	}},
	{"ListByLabels", func(t *testing.T, s *suite) {
		withLabels := func(labels map[string]string) string {
			return s.pod(t, func(c *runtimeapi.PodSandboxConfig) { c.Labels = labels }).id
		}
		web, front := withLabels(map[string]string{"app": "web"}), withLabels(map[string]string{"app": "web", "tier": "front"})
		withLabels(map[string]string{"app": "other"})
		found := s.sandboxes(t, &runtimeapi.PodSandboxFilter{LabelSelector: map[string]string{"app": "web"}})
		require.ElementsMatch(t, []string{web, front}, keys(found))
		found = s.sandboxes(t, &runtimeapi.PodSandboxFilter{LabelSelector: map[string]string{"app": "web", "tier": "front"}})
		require.Equal(t, []string{front}, keys(found))
	}},
	{"ListByIdAndState", func(t *testing.T, s *suite) {
		p := s.pod(t)
		require.Empty(t, s.sandboxes(t, &runtimeapi.PodSandboxFilter{Id: p.id, State: &runtimeapi.PodSandboxStateValue{State: notReady}}))
		require.Empty(t, s.sandboxes(t, &runtimeapi.PodSandboxFilter{Id: "unknown"}))
		require.Contains(t, s.sandboxes(t, nil), p.id)
	}},
	{"ManyAtOnce", func(t *testing.T, s *suite) {
		const n = 8
		type started struct {
			id  string
			err error
		}
		results := make(chan started, n)
		for range n {
			config := s.podConfig()
			t.Cleanup(func() { removePodCgroup(config) })
			go func() {
				r, err := s.rs.RunPodSandbox(s.ctx(t), &runtimeapi.RunPodSandboxRequest{Config: config})
				results <- started{r.GetPodSandboxId(), err}
			}()
		}
		addresses := map[string]bool{}
		for range n {
			r := <-results
			require.NoError(t, r.err)
			p := &pod{suite: s, id: r.id}
			t.Cleanup(func() { p.end(t) })
			addresses[p.ip(t)] = true
		}
		require.Len(t, addresses, n, "each has an address of its own")
	}},
}

// sandboxes are those that a filter lets through, by their ids.
func (s *suite) sandboxes(t testing.TB, filter *runtimeapi.PodSandboxFilter) map[string]*runtimeapi.PodSandbox {
	t.Helper()
	r, err := s.rs.ListPodSandbox(s.ctx(t), &runtimeapi.ListPodSandboxRequest{Filter: filter})
	require.NoError(t, err)
	found := map[string]*runtimeapi.PodSandbox{}
	for _, p := range r.Items {
		found[p.Id] = p
	}
	return found
}

// containers are those that a filter lets through, by their ids.
func (s *suite) containers(t testing.TB, filter *runtimeapi.ContainerFilter) map[string]*runtimeapi.Container {
	t.Helper()
	r, err := s.rs.ListContainers(s.ctx(t), &runtimeapi.ListContainersRequest{Filter: filter})
	require.NoError(t, err)
	found := map[string]*runtimeapi.Container{}
	for _, c := range r.Containers {
		found[c.Id] = c
	}
	return found
}

func keys[V any](m map[string]V) (all []string) {
	for k := range maps.Keys(m) {
		all = append(all, k)
	}
	return all
}
