package disruption

import (
	"context"
	"errors"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	policylisters "k8s.io/client-go/listers/policy/v1"
	"k8s.io/client-go/tools/record"
	pdbhelper "k8s.io/component-helpers/apps/poddisruptionbudget"
	"k8s.io/utils/clock"

	"github.com/petcd/petcd/orchestrator/controller"
)

// deletionTimeout is how long an eviction may take from the apiserver's consent to the pod's deletion.
const deletionTimeout = 2 * time.Minute

// accountant keeps the budgets' status.
type accountant struct {
	client   kubernetes.Interface
	clock    clock.PassiveClock
	recorder record.EventRecorder
	budgets  policylisters.PodDisruptionBudgetLister
	pods     corelisters.PodLister
	scales   scales
}

// New returns the controller.
func New(env *controller.Env) controller.Runner {
	a := newAccountant(env)
	budgets, pods := env.Informers.Policy().V1().PodDisruptionBudgets().Informer(), env.Informers.Core().V1().Pods().Informer()
	loop := controller.NewLoop("disruption-controller", 2, a.sync, append(scalesSynced(env), budgets.HasSynced, pods.HasSynced)...)
	controller.Any(func(pdb *policy.PodDisruptionBudget) { loop.Enqueue(pdb) }).Watch(budgets)
	enqueueOf := func(pods ...*v1.Pod) {
		for _, pdb := range a.covering(pods) {
			loop.Enqueue(pdb)
		}
	}
	controller.On[*v1.Pod]{
		Add:    func(p *v1.Pod) { enqueueOf(p) },
		Update: func(old, p *v1.Pod) { enqueueOf(old, p) },
		Delete: func(p *v1.Pod) { enqueueOf(p) },
	}.Watch(pods)
	return loop
}

func newAccountant(env *controller.Env) *accountant {
	return &accountant{
		client: env.Client, clock: env.Clock, recorder: env.Recorder("controllermanager"),
		budgets: env.Informers.Policy().V1().PodDisruptionBudgets().Lister(),
		pods:    env.Informers.Core().V1().Pods().Lister(), scales: newScales(env),
	}
}

// covering returns the budgets that select one of the pods at least, which are of one namespace.
func (a *accountant) covering(pods []*v1.Pod) []*policy.PodDisruptionBudget {
	all, err := a.budgets.PodDisruptionBudgets(pods[0].Namespace).List(labels.Everything())
	if err != nil {
		runtime.HandleError(fmt.Errorf("disruption: list budgets: %w", err))
	}
	var found []*policy.PodDisruptionBudget
	for _, pdb := range all {
		selector, err := metav1.LabelSelectorAsSelector(pdb.Spec.Selector)
		if err != nil {
			continue // its own sync says so
		}
		for _, p := range pods {
			if selector.Matches(labels.Set(p.Labels)) {
				found = append(found, pdb)
				break
			}
		}
	}
	return found
}

func (a *accountant) sync(ctx context.Context, key string) error {
	namespace, name, err := controller.Split(key)
	if err != nil {
		return err
	}
	pdb, err := a.budgets.PodDisruptionBudgets(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("budget %s: %w", key, err)
	}
	again, err := a.update(ctx, pdb)
	if err != nil {
		if apierrors.IsConflict(err) {
			return err
		}
		return errors.Join(err, a.forbid(ctx, pdb, err))
	}
	if again > 0 {
		return controller.Later(again)
	}
	return nil
}

// update counts, and writes what has changed. It returns when the next eviction is overdue; zero if none is under way.
func (a *accountant) update(ctx context.Context, pdb *policy.PodDisruptionBudget) (again time.Duration, err error) {
	selector, err := metav1.LabelSelectorAsSelector(pdb.Spec.Selector)
	if err != nil {
		return 0, fmt.Errorf("selector of budget %s/%s: %w", pdb.Namespace, pdb.Name, err)
	}
	pods, err := a.pods.Pods(pdb.Namespace).List(selector)
	if err != nil {
		return 0, fmt.Errorf("list the pods of budget %s/%s: %w", pdb.Namespace, pdb.Name, err)
	}
	if len(pods) == 0 {
		a.recorder.Event(pdb, v1.EventTypeNormal, "NoPods", "No matching pods found")
	}
	need, err := a.need(pdb, pods)
	if err != nil {
		a.recorder.Eventf(pdb, v1.EventTypeWarning, "CalculateExpectedPodCountFailed",
			"Failed to calculate the number of expected pods: %v", err)
		return 0, err
	}
	leaving, again := a.leaving(pdb, pods)
	healthy := healthy(pods, leaving)

	is := pdb.DeepCopy()
	is.Status.ObservedGeneration = pdb.Generation
	is.Status.DisruptedPods = leaving
	is.Status.CurrentHealthy, is.Status.DesiredHealthy, is.Status.ExpectedPods = healthy, need.healthy, need.expected
	is.Status.DisruptionsAllowed = 0
	if need.expected > 0 { // a budget of no pods allows nothing: they may be about to come
		is.Status.DisruptionsAllowed = max(0, healthy-need.healthy)
	}
	pdbhelper.UpdateDisruptionAllowedCondition(is)
	return again, a.write(ctx, pdb, is)
}

// leaving are the pods that the apiserver has let go and that are still there, with the time when it did.
func (a *accountant) leaving(pdb *policy.PodDisruptionBudget, pods []*v1.Pod) (leaving map[string]metav1.Time, again time.Duration) {
	for _, p := range pods {
		at, ok := pdb.Status.DisruptedPods[p.Name]
		if !ok || p.DeletionTimestamp != nil {
			continue
		}
		left := at.Add(deletionTimeout).Sub(a.clock.Now())
		if left <= 0 {
			a.recorder.Eventf(p, v1.EventTypeWarning, "NotDeleted",
				"Pod was expected by PDB %s/%s to be deleted but it wasn't", pdb.Namespace, pdb.Name)
			continue
		}
		if leaving == nil {
			leaving = map[string]metav1.Time{}
		}
		leaving[p.Name] = at
		if again == 0 || left < again {
			again = left
		}
	}
	return leaving, again
}

// healthy counts the pods that are ready and will stay.
func healthy(pods []*v1.Pod, leaving map[string]metav1.Time) (n int32) {
	for _, p := range pods {
		if _, leaves := leaving[p.Name]; !leaves && p.DeletionTimestamp == nil && controller.Ready(p) {
			n++
		}
	}
	return n
}

// forbid allows no disruption, and says why.
func (a *accountant) forbid(ctx context.Context, pdb *policy.PodDisruptionBudget, why error) error {
	is := pdb.DeepCopy()
	is.Status.ObservedGeneration = pdb.Generation
	is.Status.DisruptionsAllowed = 0
	apimeta.SetStatusCondition(&is.Status.Conditions, metav1.Condition{
		Type: policy.DisruptionAllowedCondition, Status: metav1.ConditionFalse, Reason: policy.SyncFailedReason,
		Message: why.Error(), ObservedGeneration: pdb.Generation,
	})
	return a.write(ctx, pdb, is)
}

func (a *accountant) write(ctx context.Context, was, is *policy.PodDisruptionBudget) error {
	if equality.Semantic.DeepEqual(was.Status, is.Status) {
		return nil
	}
	_, err := a.client.PolicyV1().PodDisruptionBudgets(is.Namespace).UpdateStatus(ctx, is, metav1.UpdateOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("write the status of budget %s/%s: %w", is.Namespace, is.Name, err)
	}
	return nil
}
