package kubelet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	criclient "k8s.io/cri-client/pkg"
	"k8s.io/klog/v2"
	utilexec "k8s.io/utils/exec"

	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/petcd/petcd/orchestrator/kubelet/node"
)

const (
	connectRetry   = time.Second     // between two attempts to reach a runtime that isn't up yet
	connectTimeout = 5 * time.Second // of one attempt
	statusPeriod   = 2 * time.Second // between two questions how the runtime is
)

// connect reaches the runtime, and waits for one that isn't up yet.
func (k *kubelet) connect(ctx context.Context) error {
	endpoint, imageEndpoint := k.c.ContainerRuntimeEndpoint, k.c.ImageServiceEndpoint
	if imageEndpoint == "" {
		imageEndpoint = endpoint
	}
	var said string
	for {
		err := k.dial(ctx, endpoint, imageEndpoint)
		if err == nil {
			return nil
		}
		if said != err.Error() {
			said = err.Error()
			klog.FromContext(ctx).Info("Waiting for the container runtime", "endpoint", endpoint, "err", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(connectRetry):
		}
	}
}

func (k *kubelet) dial(ctx context.Context, endpoint, imageEndpoint string) error {
	timeout := k.c.RuntimeRequestTimeout.Duration
	attempt, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	runtime, err := criclient.NewRemoteRuntimeServiceBuilder().WithEndpoint(endpoint).WithConnectionTimeout(timeout).WithTracerProvider(nil).Build(attempt)
	if err != nil {
		return err
	}
	images, err := criclient.NewRemoteImageServiceBuilder().WithEndpoint(imageEndpoint).WithConnectionTimeout(timeout).WithTracerProvider(nil).Build(attempt)
	if err != nil {
		return errors.Join(err, runtime.Close(ctx))
	}
	version, err := runtime.Version(attempt, "")
	if err != nil {
		return errors.Join(err, runtime.Close(ctx), images.Close(ctx))
	}
	k.runtime, k.images = runtime, images
	k.runtimeName, k.runtimeVersion = version.GetRuntimeName(), version.GetRuntimeVersion()
	return nil
}

// watchRuntime keeps asking how the runtime is, and tells it the pods' range when that is known and whenever it came back.
func (k *kubelet) watchRuntime(ctx context.Context) {
	var told []string
	ticker := time.NewTicker(statusPeriod)
	defer ticker.Stop()
	for {
		changed := k.health.runtime(k.askRuntime(ctx))
		if cidrs := k.podCIDRs(); len(cidrs) > 0 && (changed || !slices.Equal(cidrs, told)) {
			if err := k.setPodCIDR(ctx, cidrs); err == nil {
				told = cidrs
			}
		}
		if changed {
			k.wakeNode()
			k.workers.WakeAll()
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// askRuntime says why pods can't run in the runtime; "": they can.
func (k *kubelet) askRuntime(ctx context.Context) string {
	answer, err := k.runtime.Status(ctx, false)
	if err != nil {
		return "container runtime is down"
	}
	for _, name := range []string{runtimeapi.RuntimeReady, runtimeapi.NetworkReady} {
		i := slices.IndexFunc(answer.GetStatus().GetConditions(), func(c *runtimeapi.RuntimeCondition) bool { return c.GetType() == name })
		if i < 0 {
			return fmt.Sprintf("container runtime status check may not have completed yet: no condition %s", name)
		}
		if c := answer.GetStatus().GetConditions()[i]; !c.GetStatus() {
			subject := "container runtime not ready"
			if name == runtimeapi.NetworkReady {
				subject = "container runtime network not ready"
			}
			return fmt.Sprintf("%s: %s=false reason:%s message:%s", subject, name, c.GetReason(), c.GetMessage())
		}
	}
	return ""
}

// pauseImage is the image of sandboxes; "": the runtime doesn't say, or needs none. containerd 1.6 doesn't protect it from being removed,
// and without it no pod starts.
func (k *kubelet) pauseImage(ctx context.Context) string {
	answer, err := k.runtime.Status(ctx, true)
	if err != nil {
		return ""
	}
	var config struct{ SandboxImage string }
	if err := json.Unmarshal([]byte(answer.GetInfo()["config"]), &config); err != nil {
		return ""
	}
	return config.SandboxImage
}

// podCIDRs are the pods' ranges: the node's, or the one set for a kubelet that stands alone.
func (k *kubelet) podCIDRs() []string {
	if k.node == nil {
		if k.c.PodCIDR == "" {
			return nil
		}
		return []string{k.c.PodCIDR}
	}
	n := k.node.Node()
	if n == nil {
		return nil
	}
	return node.PodCIDRs(n)
}

// exec runs a command in a container, for probes.
func (k *kubelet) exec(ctx context.Context, id string, cmd []string, timeout time.Duration) ([]byte, int32, error) {
	stdout, stderr, err := k.runtime.ExecSync(ctx, id, cmd, timeout)
	output := append(slices.Clip(stdout), stderr...)
	var exit utilexec.CodeExitError
	if errors.As(err, &exit) {
		return output, int32(exit.Code), nil
	}
	return output, 0, err
}

// limitedImages refuses pulls above a rate, as registryPullQPS says.
type limitedImages struct {
	internalapi.ImageManagerService
	accept func() bool
}

// errPullRate is upstream's answer to too many pulls.
var errPullRate = errors.New("pull QPS exceeded")

// PullImage implements internalapi.ImageManagerService.
func (l limitedImages) PullImage(ctx context.Context, image *runtimeapi.ImageSpec, auth *runtimeapi.AuthConfig, sandbox *runtimeapi.PodSandboxConfig) (string, error) {
	if !l.accept() {
		return "", errPullRate
	}
	return l.ImageManagerService.PullImage(ctx, image, auth, sandbox)
}
