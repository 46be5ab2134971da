package registry

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/client-go/kubernetes"
	policylisters "k8s.io/client-go/listers/policy/v1"
	"k8s.io/client-go/util/retry"
)

// disruptedPodsMax bounds how many evictions a budget remembers that the disruption controller has not seen yet.
const disruptedPodsMax = 2000

// Eviction deletes a pod if its disruption budget has room for that, and says when to ask again if it has none.
type Eviction struct {
	pods    *Store
	budgets policylisters.PodDisruptionBudgetLister
	client  kubernetes.Interface
}

// NewEviction returns the eviction subresource of pods. Budgets are read from the cache and charged through the client.
func NewEviction(pods *Store, budgets policylisters.PodDisruptionBudgetLister, client kubernetes.Interface) *Eviction {
	return &Eviction{pods, budgets, client}
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
	got, err := e.pods.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	pod := got.(*corev1.Pod)
	options := eviction.DeleteOptions
	if options == nil {
		options = &metav1.DeleteOptions{}
	}
	options = options.DeepCopy()
	if len(options.DryRun) == 0 {
		options.DryRun = o.DryRun
	}
	if !free(pod) {
		if err := e.charge(ctx, pod, len(options.DryRun) > 0); err != nil {
			return nil, err
		}
	}
	if len(options.DryRun) == 0 {
		if err := e.markDisrupted(ctx, name); err != nil && !apierrors.IsNotFound(err) {
			return nil, err
		}
	}
	if _, _, err := e.pods.Delete(ctx, name, rest.ValidateAllObjectFunc, options); err != nil {
		return nil, err
	}
	return &metav1.Status{Status: metav1.StatusSuccess}, nil
}

// free tells that a pod counts in no budget: it has ended, has not begun, or is going already.
func free(pod *corev1.Pod) bool {
	switch pod.Status.Phase {
	case corev1.PodSucceeded, corev1.PodFailed, corev1.PodPending:
		return true
	}
	return pod.DeletionTimestamp != nil
}

// charge takes one disruption from the pod's budget, or says why there is none.
func (e *Eviction) charge(ctx context.Context, pod *corev1.Pod, dryRun bool) error {
	budget, err := e.budgetOf(pod)
	if err != nil || budget == nil {
		return err
	}
	if unhealthyMayGo(budget, pod) {
		return nil
	}
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		now, err := e.client.PolicyV1().PodDisruptionBudgets(budget.Namespace).Get(ctx, budget.Name, metav1.GetOptions{})
		if err != nil {
			return err
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
}

// budgetOf is the one budget that a pod counts in; nil if there is none.
func (e *Eviction) budgetOf(pod *corev1.Pod) (found *policyv1.PodDisruptionBudget, err error) {
	budgets, err := e.budgets.PodDisruptionBudgets(pod.Namespace).List(labels.Everything())
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	for _, b := range budgets {
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

// markDisrupted writes into the pod why it goes.
func (e *Eviction) markDisrupted(ctx context.Context, name string) error {
	namespace := request.NamespaceValue(ctx)
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		pod, err := e.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		pod.Status.Conditions = append(without(pod.Status.Conditions, corev1.DisruptionTarget), corev1.PodCondition{
			Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "EvictionByEvictionAPI",
			Message: "Eviction API: evicting", LastTransitionTime: metav1.Now(),
		})
		_, err = e.client.CoreV1().Pods(namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
		return err
	})
}
