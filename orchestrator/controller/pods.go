package controller

import (
	"context"
	"fmt"
	"sync"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
)

// Owner is an object that owns others.
type Owner interface {
	metav1.Object
	runtime.Object
}

// Pods creates and deletes pods for their owners, and says so in events.
type Pods struct {
	Client   kubernetes.Interface
	Recorder record.EventRecorder
}

// Create makes a pod of a template, owned by owner, which is of kind. name may be empty: then the pod's name begins with the owner's.
func (p *Pods) Create(ctx context.Context, owner Owner, kind schema.GroupVersionKind, template *v1.PodTemplateSpec, name string) (*v1.Pod, error) {
	pod := PodOf(owner, kind, template)
	if name != "" {
		pod.Name, pod.GenerateName = name, ""
	}
	return p.CreatePod(ctx, owner, pod)
}

// PodOf is the pod that a template makes for its owner. The name is left to the apiserver.
func PodOf(owner Owner, kind schema.GroupVersionKind, template *v1.PodTemplateSpec) *v1.Pod {
	meta := template.ObjectMeta.DeepCopy()
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: owner.GetNamespace(), GenerateName: owner.GetName() + "-",
			Labels: meta.Labels, Annotations: meta.Annotations, Finalizers: meta.Finalizers,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner, kind)},
		},
		Spec: *template.Spec.DeepCopy(),
	}
}

// CreatePod creates a pod that the caller has made.
func (p *Pods) CreatePod(ctx context.Context, owner Owner, pod *v1.Pod) (*v1.Pod, error) {
	made, err := p.Client.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{})
	if err != nil {
		if !apierrors.HasStatusCause(err, v1.NamespaceTerminatingCause) {
			p.Recorder.Eventf(owner, v1.EventTypeWarning, "FailedCreate", "Error creating: %v", err)
		}
		return nil, err
	}
	p.Recorder.Eventf(owner, v1.EventTypeNormal, "SuccessfulCreate", "Created pod: %v", made.Name)
	return made, nil
}

// Delete deletes a pod. One that is gone already is no error.
func (p *Pods) Delete(ctx context.Context, owner Owner, pod *v1.Pod) error {
	err := p.Client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		p.Recorder.Eventf(owner, v1.EventTypeWarning, "FailedDelete", "Error deleting: %v", err)
		return fmt.Errorf("delete pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	p.Recorder.Eventf(owner, v1.EventTypeNormal, "SuccessfulDelete", "Deleted pod: %v", pod.Name)
	return nil
}

// SlowStart calls f n times: once, then twice at a time, then four times …, until a call fails. What fails once is likely to fail
// again, for want of a quota for instance. It returns how many succeeded, and the first error.
func SlowStart(n int, f func() error) (succeeded int, err error) {
	for batch := 1; n > 0 && err == nil; batch *= 2 {
		size := min(batch, n)
		errs := make([]error, size)
		var calls sync.WaitGroup
		for i := range size {
			calls.Go(func() { errs[i] = f() })
		}
		calls.Wait()
		for _, e := range errs {
			if e == nil {
				succeeded++
			} else if err == nil {
				err = e
			}
		}
		n -= size
	}
	return succeeded, err
}

// Claim sorts out which of the candidates an owner has: its own that match its selector, and those without an owner that match,
// which it adopts. Its own that match no longer are released. alive reads the owner from the apiserver, before
// the first adoption: one that is being deleted, or was replaced by another of its name, adopts nothing.
type Claim[T metav1.Object] struct {
	Owner    Owner
	Kind     schema.GroupVersionKind
	Selector labels.Selector
	Alive    func(ctx context.Context) (metav1.Object, error)
	// Patch sends a strategic merge patch of one candidate's metadata.
	Patch func(ctx context.Context, obj T, patch []byte) error
}

// Of returns what the owner has of the candidates after adoptions and releases.
func (c *Claim[T]) Of(ctx context.Context, candidates []T) (claimed []T, err error) {
	checked := false
	for _, obj := range candidates {
		ref := metav1.GetControllerOf(obj)
		matches := c.Selector.Matches(labels.Set(obj.GetLabels()))
		switch {
		case ref != nil && ref.UID != c.Owner.GetUID():
			continue
		case ref != nil && matches:
			claimed = append(claimed, obj)
		case ref != nil:
			if c.Owner.GetDeletionTimestamp() == nil {
				if err := c.release(ctx, obj); err != nil {
					return claimed, err
				}
			}
		case matches && c.Owner.GetDeletionTimestamp() == nil && obj.GetDeletionTimestamp() == nil:
			if !checked {
				if err := c.mayAdopt(ctx); err != nil {
					return claimed, err
				}
				checked = true
			}
			switch err := c.adopt(ctx, obj); {
			case apierrors.IsNotFound(err):
			case err != nil:
				return claimed, err
			default:
				claimed = append(claimed, obj)
			}
		}
	}
	return claimed, nil
}

func (c *Claim[T]) mayAdopt(ctx context.Context) error {
	now, err := c.Alive(ctx)
	if err != nil {
		return err
	}
	if now.GetUID() != c.Owner.GetUID() {
		return fmt.Errorf("%s %s/%s was replaced by another of its name", c.Kind.Kind, c.Owner.GetNamespace(), c.Owner.GetName())
	}
	if at := now.GetDeletionTimestamp(); at != nil {
		return fmt.Errorf("%s %s/%s is being deleted since %v", c.Kind.Kind, now.GetNamespace(), now.GetName(), at)
	}
	return nil
}

func (c *Claim[T]) adopt(ctx context.Context, obj T) error {
	patch := ownerPatch{Metadata: ownerPatchMeta{UID: obj.GetUID(), OwnerReferences: []any{metav1.NewControllerRef(c.Owner, c.Kind)}}}
	return c.Patch(ctx, obj, patch.encode())
}

// release makes obj an orphan. It is no error when it is gone or was released already.
func (c *Claim[T]) release(ctx context.Context, obj T) error {
	gone := map[string]string{"$patch": "delete", "uid": string(c.Owner.GetUID())}
	patch := ownerPatch{Metadata: ownerPatchMeta{UID: obj.GetUID(), OwnerReferences: []any{gone}}}
	err := c.Patch(ctx, obj, patch.encode())
	if apierrors.IsNotFound(err) || apierrors.IsInvalid(err) {
		return nil
	}
	return err
}

// PatchPod returns Claim.Patch for pods.
func PatchPod(client kubernetes.Interface) func(context.Context, *v1.Pod, []byte) error {
	return func(ctx context.Context, pod *v1.Pod, patch []byte) error {
		_, err := client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
		return err
	}
}
