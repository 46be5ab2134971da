package status

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/kubelet/source"
)

// writers is how many statuses are written at a time.
const writers = 4

// Manager keeps the statuses of the node's pods and writes them to the apiserver.
type Manager struct {
	client kubernetes.Interface // nil: nothing is written
	queue  workqueue.TypedRateLimitingInterface[types.UID]

	mu   sync.Mutex
	pods map[types.UID]*entry
}

// entry is what is known of a pod.
type entry struct {
	namespace, name string
	status          v1.PodStatus
	finished        bool // nothing of the pod is left here: the apiserver may forget it
}

// NewManager returns a manager without pods. Without a client statuses are kept only.
func NewManager(client kubernetes.Interface) *Manager {
	limit := workqueue.NewTypedItemExponentialFailureRateLimiter[types.UID](100*time.Millisecond, 10*time.Second)
	return &Manager{client: client, queue: workqueue.NewTypedRateLimitingQueue(limit), pods: map[types.UID]*entry{}}
}

// Set says how a pod is. It is written when it, or what the apiserver has, is something else than before.
func (m *Manager) Set(pod *v1.Pod, status v1.PodStatus) {
	m.mu.Lock()
	e := m.pods[pod.UID]
	changed := e == nil || !equality.Semantic.DeepEqual(e.status, status)
	if e == nil {
		e = &entry{namespace: pod.Namespace, name: pod.Name}
		m.pods[pod.UID] = e
	}
	e.status = *status.DeepCopy()
	m.mu.Unlock()
	if changed || !equality.Semantic.DeepEqual(pod.Status, merge(&pod.Status, &status)) {
		m.queue.Add(pod.UID)
	}
}

// Get is how a pod is, as last set; nil if nobody has said so.
func (m *Manager) Get(uid types.UID) *v1.PodStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.pods[uid]; e != nil {
		return e.status.DeepCopy()
	}
	return nil
}

// Finished says that nothing of a pod is left on this node. If its deletion was asked for, its object is deleted, after its last status is written.
func (m *Manager) Finished(uid types.UID) {
	m.mu.Lock()
	if e := m.pods[uid]; e != nil {
		e.finished = true
	}
	m.mu.Unlock()
	m.queue.Add(uid)
}

// Renew writes a pod's status anew: its object was made or changed.
func (m *Manager) Renew(uid types.UID) { m.queue.Add(uid) }

// Forget drops a pod whose object is gone.
func (m *Manager) Forget(uid types.UID) {
	m.mu.Lock()
	delete(m.pods, uid)
	m.mu.Unlock()
	m.queue.Forget(uid)
}

// Run writes statuses until ctx ends.
func (m *Manager) Run(ctx context.Context) {
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for m.next(ctx) {
			}
		})
	}
	<-ctx.Done()
	m.queue.ShutDown()
	group.Wait()
}

func (m *Manager) next(ctx context.Context) bool {
	uid, ends := m.queue.Get()
	if ends {
		return false
	}
	defer m.queue.Done(uid)
	if err := m.write(ctx, uid); err != nil && ctx.Err() == nil {
		klog.FromContext(ctx).V(1).Info("Cannot write a pod's status; will try again", "uid", uid, "err", err)
		m.queue.AddRateLimited(uid)
		return true
	}
	m.queue.Forget(uid)
	return true
}

// write brings one pod's status to the apiserver, and ends its object if its time has come.
func (m *Manager) write(ctx context.Context, uid types.UID) error {
	m.mu.Lock()
	e := m.pods[uid]
	if e == nil || m.client == nil {
		m.mu.Unlock()
		return nil
	}
	status, finished := *e.status.DeepCopy(), e.finished
	m.mu.Unlock()
	pods := m.client.CoreV1().Pods(e.namespace)
	object, err := pods.Get(ctx, e.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("pod %s/%s: %w", e.namespace, e.name, err)
	}
	if source.UID(object) != uid { // another pod of that name
		return nil
	}
	if patch, err := patch(object, &status); err != nil {
		return err
	} else if patch != nil {
		if object, err = pods.Patch(ctx, e.name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status"); apierrors.IsNotFound(err) {
			return nil
		} else if err != nil {
			return fmt.Errorf("status of pod %s/%s: %w", e.namespace, e.name, err)
		}
	}
	if !finished || object.DeletionTimestamp == nil || source.IsMirror(object) {
		return nil
	}
	err = pods.Delete(ctx, e.name, metav1.DeleteOptions{GracePeriodSeconds: new(int64), Preconditions: metav1.NewUIDPreconditions(string(object.UID))})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("end pod %s/%s: %w", e.namespace, e.name, err)
	}
	return nil
}

// patch is what makes an object's status ours, nil if it is.
func patch(object *v1.Pod, status *v1.PodStatus) ([]byte, error) {
	before := &v1.Pod{Status: object.Status}
	after := &v1.Pod{Status: merge(&object.Status, status)}
	if equality.Semantic.DeepEqual(before.Status, after.Status) {
		return nil, nil
	}
	after.UID = object.UID // an object of another UID refuses the patch
	old, err := json.Marshal(before)
	if err != nil {
		return nil, fmt.Errorf("pod status: %w", err)
	}
	new, err := json.Marshal(after)
	if err != nil {
		return nil, fmt.Errorf("pod status: %w", err)
	}
	return strategicpatch.CreateTwoWayMergePatch(old, new, v1.Pod{})
}

// merge is our status with the conditions that are others', as the apiserver has them now.
func merge(theirs, ours *v1.PodStatus) v1.PodStatus {
	merged := *ours.DeepCopy()
	merged.NominatedNodeName, merged.Resize, merged.ResourceClaimStatuses = theirs.NominatedNodeName, theirs.Resize, theirs.ResourceClaimStatuses
	if t := theirs.StartTime; t != nil && t.Before(merged.StartTime) { // of a static pod, which a kubelet that was restarted doesn't know
		merged.StartTime = t
	}
	merged.Conditions = nil
	for _, c := range theirs.Conditions {
		if !kubelets(c.Type) {
			merged.Conditions = append(merged.Conditions, c)
		}
	}
	for _, c := range ours.Conditions {
		theirsToo := slices.ContainsFunc(theirs.Conditions, func(t v1.PodCondition) bool { return t.Type == c.Type })
		if kubelets(c.Type) || (c.Type == v1.DisruptionTarget && !theirsToo) {
			merged.Conditions = append(merged.Conditions, c)
		}
	}
	if Final(theirs.Phase) && !Final(ours.Phase) { // as a controller decided for a node that was away
		merged.Phase, merged.Reason, merged.Message = theirs.Phase, theirs.Reason, theirs.Message
	}
	return merged
}

// kubelets says whether a condition is the kubelet's to set.
func kubelets(t v1.PodConditionType) bool {
	switch t {
	case v1.PodReady, v1.PodInitialized, v1.ContainersReady, v1.PodReadyToStartContainers, v1.PodScheduled:
		return true
	}
	return false
}
