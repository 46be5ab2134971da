package cri_test

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apitypes "k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/petcd/petcd/orchestrator/kubelet/cri"
	"github.com/petcd/petcd/orchestrator/kubelet/crifake"
)

// start runs a container c of a pod with UID 1, with its log in dir.
func start(t *testing.T, r *crifake.Runtime, dir string, attempt uint32) string {
	t.Helper()
	labels := map[string]string{"io.kubernetes.pod.uid": "1", "io.kubernetes.pod.name": "p", "io.kubernetes.pod.namespace": "ns"}
	pod := &runtimeapi.PodSandboxConfig{Metadata: &runtimeapi.PodSandboxMetadata{Name: "p", Uid: "1"}, Labels: labels, LogDirectory: dir}
	sandbox, err := r.RunPodSandbox(t.Context(), pod, "")
	require.NoError(t, err)
	id, err := r.CreateContainer(t.Context(), sandbox, &runtimeapi.ContainerConfig{
		Metadata: &runtimeapi.ContainerMetadata{Name: "c", Attempt: attempt}, Labels: labels, Image: &runtimeapi.ImageSpec{Image: "i"}, LogPath: "0.log",
	}, pod)
	require.NoError(t, err)
	require.NoError(t, r.StartContainer(t.Context(), id))
	return id
}

func TestTheNewestCounts(t *testing.T) {
	r := crifake.New()
	start(t, r, t.TempDir(), 0)
	r.KillSandbox("p")
	second := start(t, r, t.TempDir(), 1)
	pod, err := cri.Read(t.Context(), r, "1")
	require.NoError(t, err)
	require.Equal(t, "ns", pod.Namespace)
	require.Len(t, pod.Containers, 2)
	require.Equal(t, second, pod.Newest("c", "").ID)
	require.Equal(t, "sandbox3", pod.Sandbox().ID)
	require.Equal(t, second, pod.Newest("c", "sandbox3").ID)
	require.Nil(t, pod.Newest("other", ""))
	require.False(t, pod.Idle())
	r.KillSandbox("p")
	pod, err = cri.Read(t.Context(), r, "1")
	require.NoError(t, err)
	require.True(t, pod.Idle())
	require.EqualValues(t, crifake.Killed, pod.Newest("c", "").ExitCode)
}

func TestAnObserverSeesWhatChanges(t *testing.T) {
	r := crifake.New()
	var seen []apitypes.UID
	o := cri.NewObserver(r, func(uid apitypes.UID) { seen = append(seen, uid) })
	look := func() []apitypes.UID {
		seen = nil
		require.NoError(t, o.Look(t.Context()))
		return seen
	}
	require.Empty(t, look())
	start(t, r, t.TempDir(), 0)
	require.Equal(t, []apitypes.UID{"1"}, look())
	require.Empty(t, look())
	r.Exit("c", 1)
	require.Equal(t, []apitypes.UID{"1"}, look())
	require.NoError(t, r.RemovePodSandbox(t.Context(), "sandbox1"))
	require.Equal(t, []apitypes.UID{"1"}, look(), "it is gone")
	require.Empty(t, look())
}

func TestLogsAreRotated(t *testing.T) {
	r, dir := crifake.New(), t.TempDir()
	start(t, r, dir, 0)
	log := filepath.Join(dir, "0.log")
	rotator := &cri.Rotator{Runtime: r, MaxSize: 10, MaxFiles: 3}
	write := func(text string) { require.NoError(t, os.WriteFile(log, []byte(text), 0o600)) }
	rotate := func() []string {
		require.NoError(t, rotator.Rotate(t.Context()))
		files, err := filepath.Glob(log + "*")
		require.NoError(t, err)
		return files
	}
	write("short")
	require.Equal(t, []string{log}, rotate())
	write("long enough to be rotated")
	require.NoError(t, os.WriteFile(log+".20200101-000000", []byte("older"), 0o600))
	require.NoError(t, os.WriteFile(log+".20190101-000000.gz", nil, 0o600))
	require.NoError(t, os.WriteFile(log+".20180101-000000.gz.tmp", nil, 0o600))
	files := rotate()
	require.Len(t, files, 2, "the runtime makes the new one")
	require.Equal(t, log+".20200101-000000.gz", files[0])
	f, err := os.Open(files[0])
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	text, err := io.ReadAll(z)
	require.NoError(t, err)
	require.Equal(t, "older", string(text))
	aside, err := os.ReadFile(files[1])
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(aside), "long"))
	require.Contains(t, r.Calls(), "ReopenContainerLog c")
}
