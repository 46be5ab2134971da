package kubelet

import (
	"context"
	"fmt"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/flowcontrol"
	internalapi "k8s.io/cri-api/pkg/apis"

	"github.com/petcd/petcd/orchestrator/kubelet/podnetwork"
	"github.com/petcd/petcd/orchestrator/kubelet/source"
)

// events makes the recorder. Alone, the kubelet records none.
func (k *kubelet) events(ctx context.Context) {
	if k.client == nil {
		return
	}
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	broadcaster.StartStructuredLogging(3)
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: k.client.CoreV1().Events("")})
	k.run(func() {
		<-ctx.Done()
		broadcaster.Shutdown()
	})
	k.recorder = broadcaster.NewRecorder(scheme.Scheme, v1.EventSource{Component: "kubelet", Host: k.name})
}

// network connects the node's pods with those of other nodes.
func (k *kubelet) network(ctx context.Context) error {
	if !k.o.PodNetwork {
		return nil
	}
	factory := informers.NewSharedInformerFactory(k.client, 0) // of its own: services mustn't wait for the right to list nodes
	o := podnetwork.Options{NodeName: k.name, Nodes: factory.Core().V1().Nodes(), Masquerade: k.o.Masquerade}
	if k.runtimeName != embeddedRuntime {
		o.CNIConfDir, o.CNIDataDir = k.o.CNIConfDir, k.o.CNIDataDir
	}
	n, err := podnetwork.New(o)
	if err != nil {
		return err
	}
	k.run(func() { n.Run(ctx) })
	k.run(func() {
		if source.Await(ctx, "nodes", k.listNodes) {
			factory.StartWithContext(ctx)
		}
	})
	return nil
}

func (k *kubelet) listNodes(ctx context.Context) error {
	_, err := k.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{Limit: 1})
	return err
}

func (k *kubelet) listServices(ctx context.Context) error {
	_, err := k.client.CoreV1().Services(metav1.NamespaceAll).List(ctx, metav1.ListOptions{Limit: 1})
	return err
}

// embeddedRuntime is the runtime that connects pods by itself, without CNI.
const embeddedRuntime = "petcd-cri"

// limitPulls is the image service with registryPullQPS.
func (k *kubelet) limitPulls() internalapi.ImageManagerService {
	if *k.c.RegistryPullQPS <= 0 {
		return k.images
	}
	limiter := flowcontrol.NewTokenBucketRateLimiter(float32(*k.c.RegistryPullQPS), int(k.c.RegistryBurst))
	return limitedImages{k.images, limiter.TryAccept}
}

// logDir is where the logs of a container are.
func (k *kubelet) logDir(pod *v1.Pod, container string) string {
	return filepath.Join(k.cri.LogDir(pod), container)
}

// wakeNode has the node's status looked at.
func (k *kubelet) wakeNode() {
	if k.node != nil {
		k.node.Wake()
	}
}

// quantities reads a map of resources.
func quantities(texts map[string]string) (v1.ResourceList, error) {
	out := v1.ResourceList{}
	for name, text := range texts {
		q, err := resource.ParseQuantity(text)
		if err != nil || q.Sign() < 0 {
			return nil, fmt.Errorf("%s: %q is no quantity", name, text)
		}
		out[v1.ResourceName(name)] = q
	}
	return out, nil
}

// logSize reads the size at which logs are rotated.
func logSize(text string) (int64, error) {
	q, err := resource.ParseQuantity(text)
	if err != nil {
		return 0, fmt.Errorf("containerLogMaxSize: %w", err)
	}
	return q.Value(), nil
}
