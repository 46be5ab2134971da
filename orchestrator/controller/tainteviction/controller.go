package tainteviction

import (
	"context"
	"fmt"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"

	"github.com/petcd/petcd/orchestrator/controller"
)

// evictor decides about pods, one at a time.
type evictor struct {
	client   kubernetes.Interface
	clock    clock.PassiveClock
	recorder record.EventRecorder
	pods     corelisters.PodLister
	nodes    corelisters.NodeLister

	mu      sync.Mutex
	planned map[string]plan // by the pod's key
}

// plan is what is known of a pod that is to go.
type plan struct {
	uid   types.UID
	since time.Time // when pod and taint were first seen together
}

// New returns the controller.
func New(env *controller.Env) controller.Runner {
	e := newEvictor(env)
	core := env.Informers.Core().V1()
	podsOn := controller.PodsByNode(env)
	loop := controller.NewLoop("taint-eviction-controller", 8, e.sync,
		core.Pods().Informer().HasSynced, core.Nodes().Informer().HasSynced)
	controller.On[*v1.Pod]{
		Add: func(p *v1.Pod) { loop.Enqueue(p) },
		Update: func(old, p *v1.Pod) {
			if old.UID != p.UID || old.Spec.NodeName != p.Spec.NodeName ||
				!equality.Semantic.DeepEqual(old.Spec.Tolerations, p.Spec.Tolerations) {
				loop.Enqueue(p)
			}
		},
		Delete: func(p *v1.Pod) { loop.Enqueue(p) },
	}.Watch(core.Pods().Informer())
	enqueuePods := func(n *v1.Node) {
		pods, err := podsOn(n.Name)
		if err != nil {
			runtime.HandleError(fmt.Errorf("taint-eviction-controller: %w", err))
		}
		for _, p := range pods {
			loop.Enqueue(p)
		}
	}
	controller.On[*v1.Node]{
		Add: enqueuePods,
		Update: func(old, n *v1.Node) {
			if !equality.Semantic.DeepEqual(old.Spec.Taints, n.Spec.Taints) {
				enqueuePods(n)
			}
		},
		Delete: enqueuePods,
	}.Watch(core.Nodes().Informer())
	return loop
}

func newEvictor(env *controller.Env) *evictor {
	core := env.Informers.Core().V1()
	return &evictor{
		client: env.Client, clock: env.Clock, recorder: env.Recorder("taint-eviction-controller"),
		pods: core.Pods().Lister(), nodes: core.Nodes().Lister(), planned: map[string]plan{},
	}
}

// sync deletes a pod whose time has come.
func (e *evictor) sync(ctx context.Context, key string) error {
	namespace, name, err := controller.Split(key)
	if err != nil {
		return err
	}
	pod, err := e.pods.Pods(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		e.drop(key)
		return nil
	}
	if err != nil {
		return fmt.Errorf("pod %s: %w", key, err)
	}
	if pod.DeletionTimestamp != nil {
		e.drop(key)
		return nil
	}
	patience, doomed, err := e.patience(pod)
	if err != nil {
		return err
	}
	if !doomed {
		if e.drop(key) {
			//nolint:misspell // upstream's message
			e.recorder.Eventf(pod, v1.EventTypeNormal, "TaintManagerEviction", "Cancelling deletion of Pod %s", key)
		}
		return nil
	}
	if left := patience - e.clock.Since(e.since(key, pod.UID)); left > 0 {
		return controller.Later(left)
	}
	if err := e.evict(ctx, pod); err != nil {
		return err
	}
	e.drop(key)
	return nil
}

// patience is how long a pod may stay where it is. It is doomed if that is not for ever.
func (e *evictor) patience(pod *v1.Pod) (d time.Duration, doomed bool, err error) {
	if pod.Spec.NodeName == "" {
		return 0, false, nil
	}
	node, err := e.nodes.Get(pod.Spec.NodeName)
	if apierrors.IsNotFound(err) {
		return 0, false, nil // the pod garbage collector's work
	}
	if err != nil {
		return 0, false, fmt.Errorf("node %s: %w", pod.Spec.NodeName, err)
	}
	d, doomed = patience(node.Spec.Taints, pod.Spec.Tolerations)
	return d, doomed, nil
}

// since returns when a pod was first seen beside a taint: now if that was not yet.
func (e *evictor) since(key string, uid types.UID) time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	p, ok := e.planned[key]
	if !ok || p.uid != uid {
		p = plan{uid: uid, since: e.clock.Now()}
		e.planned[key] = p
	}
	return p.since
}

// drop forgets a plan. It returns false if there was none.
func (e *evictor) drop(key string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, ok := e.planned[key]
	delete(e.planned, key)
	return ok
}

func (e *evictor) evict(ctx context.Context, pod *v1.Pod) error {
	key := pod.Namespace + "/" + pod.Name
	e.recorder.Eventf(pod, v1.EventTypeNormal, "TaintManagerEviction", "Marking for deletion Pod %s", key)
	err := e.explain(ctx, pod)
	if err == nil {
		err = e.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name,
			metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))})
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("evict pod %s: %w", key, err)
	}
	return nil
}

// explain writes into the pod's status why it is deleted.
func (e *evictor) explain(ctx context.Context, pod *v1.Pod) error {
	reason := v1.PodCondition{
		Type: v1.DisruptionTarget, Status: v1.ConditionTrue, ObservedGeneration: pod.Generation,
		Reason: "DeletionByTaintManager", Message: "Taint manager: deleting due to NoExecute taint",
		LastTransitionTime: metav1.NewTime(e.clock.Now()),
	}
	told := pod.DeepCopy()
	switch c := controller.Condition(told, v1.DisruptionTarget); {
	case c == nil:
		told.Status.Conditions = append(told.Status.Conditions, reason)
	case c.Status == v1.ConditionTrue:
		return nil
	default:
		*c = reason
	}
	_, err := e.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, told, metav1.UpdateOptions{})
	return err
}
