package nodelifecycle

import (
	"context"
	"errors"
	"fmt"
	"sync"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"

	"github.com/petcd/petcd/orchestrator/controller"
)

// marker says in the status of a failing node's pods that they serve no more. A node may have hundreds: so it is a Loop of its own, for
// which no pulse has to wait.
type marker struct {
	client   kubernetes.Interface
	clock    clock.PassiveClock
	recorder record.EventRecorder
	podsOn   func(node string) ([]*v1.Pod, error)
	loop     *controller.Loop

	mu      sync.Mutex
	failing sets.Set[string] // nodes
}

func newMarker(env *controller.Env) *marker {
	m := &marker{
		client: env.Client, clock: env.Clock, recorder: env.Recorder("node-controller"),
		podsOn: controller.PodsByNode(env), failing: sets.New[string](),
	}
	m.loop = controller.NewLoop("node-lifecycle-controller-pods", 4, m.sync, env.Informers.Core().V1().Pods().Informer().HasSynced)
	return m
}

// mark begins to mark the pods of a node, or leaves off: of one that is ready again no pod is marked any more.
func (m *marker) mark(node string, failing bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if failing {
		m.failing.Insert(node)
		m.loop.Add(node)
	} else {
		m.failing.Delete(node)
	}
}

func (m *marker) fails(node string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.failing.Has(node)
}

// sync marks the pods of one node.
func (m *marker) sync(ctx context.Context, node string) error {
	pods, err := m.podsOn(node)
	if err != nil {
		return err
	}
	var errs []error
	for _, pod := range pods {
		if !m.fails(node) {
			return nil
		}
		errs = append(errs, m.markPod(ctx, pod))
	}
	return errors.Join(errs...)
}

func (m *marker) markPod(ctx context.Context, pod *v1.Pod) error {
	if !controller.Ready(pod) {
		return nil
	}
	marked := pod.DeepCopy()
	c := controller.Condition(marked, v1.PodReady)
	c.Status, c.LastTransitionTime = v1.ConditionFalse, now(m.clock)
	_, err := m.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, marked, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("mark pod %s/%s not ready: %w", pod.Namespace, pod.Name, err)
	}
	m.recorder.Event(pod, v1.EventTypeWarning, "NodeNotReady", "Node is not ready")
	return nil
}
