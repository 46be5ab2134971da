package kubelet

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// told is a runtime that says this of its configuration.
type told struct {
	internalapi.RuntimeService
	config string
	err    error
}

func (r told) Status(context.Context, bool) (*runtimeapi.StatusResponse, error) {
	return &runtimeapi.StatusResponse{Info: map[string]string{"config": r.config}}, r.err
}

func TestTheImageOfSandboxesIsTheRuntimes(t *testing.T) {
	for want, r := range map[string]told{
		"127.0.0.1:5055/pause:1": {config: `{"containerd":{"snapshotter":"overlayfs"},"sandboxImage":"127.0.0.1:5055/pause:1"}`},
		"":                       {config: ""},
	} {
		require.Equal(t, want, (&kubelet{runtime: r}).pauseImage(t.Context()))
	}
	require.Empty(t, (&kubelet{runtime: told{err: errors.New("down")}}).pauseImage(t.Context()))
}
