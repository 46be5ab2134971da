package controller

import (
	"context"
	"fmt"
	"sync"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
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

// Delete deletes a pod. deleted is false if it was gone already, which is no error: the informer may have shown its end before, and
// then whoever expects it to be shown waits in vain.
func (p *Pods) Delete(ctx context.Context, owner Owner, pod *v1.Pod) (deleted bool, err error) {
	err = p.Client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		p.Recorder.Eventf(owner, v1.EventTypeWarning, "FailedDelete", "Error deleting: %v", err)
		return false, fmt.Errorf("delete pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	p.Recorder.Eventf(owner, v1.EventTypeNormal, "SuccessfulDelete", "Deleted pod: %v", pod.Name)
	return true, nil
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
