package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/util/dryrun"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
)

// disruptedPodsMax bounds how many evictions a budget remembers that the disruption controller has not seen yet.
const disruptedPodsMax = 2000

// evictionTries is how often an eviction looks at a pod again that changes all the time.
const evictionTries = 10

// Eviction deletes a pod if its disruption budget has room for that, and says when to ask again if it has none.
type Eviction struct {
	pods   *Store
	status *Status
	client kubernetes.Interface
}

// NewEviction returns the eviction subresource of pods. Budgets are read and charged through the client.
func NewEviction(pods *Store, client kubernetes.Interface) *Eviction {
	return &Eviction{pods: pods, status: pods.with(&statusStrategy{pods.strategy()}), client: client}
}

// New implements rest.Storage.
func (e *Eviction) New() runtime.Object { return &policyv1.Eviction{} }

// Destroy implements rest.Storage.
func (e *Eviction) Destroy() {}

// GroupVersionKind implements rest.GroupVersionKindProvider.
func (e *Eviction) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return policyv1.SchemeGroupVersion.WithKind("Eviction")
}

// Create implements rest.NamedCreater.
func (e *Eviction) Create(ctx context.Context, name string, obj runtime.Object, validate rest.ValidateObjectFunc, o *metav1.CreateOptions) (runtime.Object, error) {
	eviction, ok := obj.(*policyv1.Eviction)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not a Eviction object: %T", obj))
	}
	if name != eviction.Name {
		return nil, apierrors.NewBadRequest("name in URL does not match name in Eviction object")
	}
	if validate != nil {
		if err := validate(ctx, eviction.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	options := eviction.DeleteOptions
	if options == nil {
		options = &metav1.DeleteOptions{}
	}
	options = options.DeepCopy()
	if len(options.DryRun) == 0 {
		options.DryRun = o.DryRun
	}
	err := e.evict(ctx, name, options)
	for range evictionTries {
		if !errors.Is(err, errChanged) {
			break
		}
		err = e.evict(ctx, name, options)
	}
	if errors.Is(err, errChanged) {
		return nil, apierrors.NewConflict(corev1.Resource("pods"), name, err)
	}
	if err != nil {
		return nil, err
	}
	return &metav1.Status{Status: metav1.StatusSuccess}, nil
}

// errChanged says that a pod is no longer what was looked at, so that its budget must be asked again.
var errChanged = errors.New("the pod changed meanwhile")

// evict does it once. What was not charged to a budget, as the pod was not ready or had not begun, is deleted only as it was then.
func (e *Eviction) evict(ctx context.Context, name string, options *metav1.DeleteOptions) error {
	got, err := e.pods.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return err
	}
	pod := got.(*corev1.Pod)
	if err := unmet(options.Preconditions, pod); err != nil {
		return err
	}
	charged := false
	if !free(pod) {
		if charged, err = e.charge(ctx, pod, dryrun.IsDryRun(options.DryRun)); err != nil {
			return err
		}
	}
	if pod, err = e.mark(ctx, pod, charged, options.DryRun); err != nil {
		return err
	}
	options = options.DeepCopy()
	options.Preconditions = metav1.NewUIDPreconditions(string(pod.UID))
	if !charged && !ended(pod) && !dryrun.IsDryRun(options.DryRun) {
		options.Preconditions.ResourceVersion = &pod.ResourceVersion
	}
	if _, _, err = e.pods.Delete(ctx, name, rest.ValidateAllObjectFunc, options); apierrors.IsConflict(err) {
		return errChanged
	}
	return err
}

// unmet tells that a pod is not the one that a request means.
func unmet(p *metav1.Preconditions, pod *corev1.Pod) error {
	conflict := func(what string, want, have any) error {
		return apierrors.NewConflict(corev1.Resource("pods"), pod.Name, fmt.Errorf("Precondition failed: %s in precondition: %v, %s in object meta: %v", what, want, what, have))
	}
	switch {
	case p == nil:
		return nil
	case p.UID != nil && *p.UID != pod.UID:
		return conflict("UID", *p.UID, pod.UID)
	case p.ResourceVersion != nil && *p.ResourceVersion != pod.ResourceVersion:
		return conflict("ResourceVersion", *p.ResourceVersion, pod.ResourceVersion)
	}
	return nil
}

// ended tells that a pod's containers run no more.
func ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// free tells that a pod counts in no budget: it has ended, has not begun, or is going already.
func free(pod *corev1.Pod) bool {
	return ended(pod) || pod.Status.Phase == corev1.PodPending || pod.DeletionTimestamp != nil
}

// charge takes one disruption from the pod's budget, or says why there is none. It tells whether there was a budget to charge.
func (e *Eviction) charge(ctx context.Context, pod *corev1.Pod, dryRun bool) (charged bool, err error) {
	budget, err := e.budgetOf(ctx, pod)
	if err != nil || budget == nil || unhealthyMayGo(budget, pod) {
		return false, err
	}
	err = retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		now, err := e.client.PolicyV1().PodDisruptionBudgets(budget.Namespace).Get(ctx, budget.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if _, already := now.Status.DisruptedPods[pod.Name]; already {
			return nil // by this request, which looks again
		}
		if err := mayDisrupt(now); err != nil || dryRun {
			return err
		}
		now.Status.DisruptionsAllowed--
		if now.Status.DisruptedPods == nil {
			now.Status.DisruptedPods = map[string]metav1.Time{}
		}
		now.Status.DisruptedPods[pod.Name] = metav1.Time{Time: time.Now()}
		_, err = e.client.PolicyV1().PodDisruptionBudgets(budget.Namespace).UpdateStatus(ctx, now, metav1.UpdateOptions{})
		return err
	})
	return err == nil, err
}

// budgetOf is the one budget that a pod counts in; nil if there is none. It asks the store: a cache may not know a new budget yet.
func (e *Eviction) budgetOf(ctx context.Context, pod *corev1.Pod) (found *policyv1.PodDisruptionBudget, err error) {
	budgets, err := e.client.PolicyV1().PodDisruptionBudgets(pod.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	for i := range budgets.Items {
		b := &budgets.Items[i]
		selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
		if err != nil || !selector.Matches(labels.Set(pod.Labels)) {
			continue
		}
		if found != nil {
			return nil, apierrors.NewInternalError(fmt.Errorf("this pod has more than one PodDisruptionBudget, which the eviction subresource does not support"))
		}
		found = b
	}
	return found, nil
}

// unhealthyMayGo tells that a pod which is not ready anyway may be evicted whatever the budget has left.
func unhealthyMayGo(b *policyv1.PodDisruptionBudget, pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return false
		}
	}
	if p := b.Spec.UnhealthyPodEvictionPolicy; p != nil && *p == policyv1.AlwaysAllow {
		return true
	}
	return b.Status.DesiredHealthy > 0 && b.Status.CurrentHealthy >= b.Status.DesiredHealthy
}

func mayDisrupt(b *policyv1.PodDisruptionBudget) error {
	const refused = "Cannot evict pod as it would violate the pod's disruption budget."
	reason, seconds, detail := metav1.CauseType("DisruptionBudget"), 0, ""
	switch {
	case b.Status.ObservedGeneration < b.Generation:
		seconds, detail = 10, fmt.Sprintf("The disruption budget %s is still being processed by the server.", b.Name)
	case len(b.Status.DisruptedPods) > disruptedPodsMax:
		return apierrors.NewForbidden(policyv1.Resource("poddisruptionbudget"), b.Name,
			fmt.Errorf("DisruptedPods map too big - too many evictions not confirmed by PDB controller"))
	case b.Status.DisruptionsAllowed < 0:
		return apierrors.NewForbidden(policyv1.Resource("poddisruptionbudget"), b.Name, fmt.Errorf("pdb disruptions allowed is negative"))
	case b.Status.DisruptionsAllowed == 0:
		detail = fmt.Sprintf("The disruption budget %s needs %d healthy pods and has %d currently", b.Name, b.Status.DesiredHealthy, b.Status.CurrentHealthy)
	default:
		return nil
	}
	err := apierrors.NewTooManyRequests(refused, seconds)
	err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{Type: reason, Message: detail})
	return err
}

// mark writes into the pod why it goes. One that was charged may have changed since it was looked at, but must be the same.
func (e *Eviction) mark(ctx context.Context, seen *corev1.Pod, charged bool, dryRun []string) (*corev1.Pod, error) {
	change := rest.DefaultUpdatedObjectInfo(nil, func(_ context.Context, _, old runtime.Object) (runtime.Object, error) {
		pod := old.(*corev1.Pod).DeepCopy()
		if pod.UID != seen.UID || (!charged && pod.ResourceVersion != seen.ResourceVersion) {
			return nil, errChanged
		}
		pod.Status.Conditions = append(without(pod.Status.Conditions, corev1.DisruptionTarget), corev1.PodCondition{
			Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "EvictionByEvictionAPI",
			Message: "Eviction API: evicting", LastTransitionTime: metav1.Now(),
		})
		return pod, nil
	})
	anything := func(context.Context, runtime.Object, runtime.Object) error { return nil }
	obj, _, err := e.status.Update(ctx, seen.Name, change, rest.ValidateAllObjectFunc, anything, false, &metav1.UpdateOptions{DryRun: dryRun})
	if err != nil {
		return nil, err
	}
	return obj.(*corev1.Pod), nil
}
