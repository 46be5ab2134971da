package registry

import (
	"context"

	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/utils/ptr"
)

// prepareNamespace gives a namespace the finalizer that the namespace controller removes when everything in it is gone.
func prepareNamespace(_ context.Context, obj runtime.Object) {
	ns := obj.(*corev1.Namespace)
	ns.Status.Phase = corev1.NamespaceActive
	if ns.Labels == nil {
		ns.Labels = map[string]string{}
	}
	ns.Labels[corev1.LabelMetadataName] = ns.Name // defaults do so as well, but a generated name comes after them
	for _, f := range ns.Spec.Finalizers {
		if f == corev1.FinalizerKubernetes {
			return
		}
	}
	ns.Spec.Finalizers = append(ns.Spec.Finalizers, corev1.FinalizerKubernetes)
}

// updateNamespace keeps the finalizers, which have a subresource of their own.
func updateNamespace(_ context.Context, obj, old runtime.Object) {
	obj.(*corev1.Namespace).Spec.Finalizers = old.(*corev1.Namespace).Spec.Finalizers
}

func prepareVolume(_ context.Context, obj runtime.Object) {
	obj.(*corev1.PersistentVolume).Status.Phase = corev1.VolumePending
}

func prepareClaim(_ context.Context, obj runtime.Object) {
	obj.(*corev1.PersistentVolumeClaim).Status.Phase = corev1.ClaimPending
}

// prepareJob gives a job's pods labels that no other job's have, and selects by them, unless the user does so by hand.
func prepareJob(_ context.Context, obj runtime.Object) {
	job := obj.(*batchv1.Job)
	if ptr.Deref(job.Spec.ManualSelector, false) {
		return
	}
	template := &job.Spec.Template
	if template.Labels == nil {
		template.Labels = map[string]string{}
	}
	// A label that is there already is another job's, copied with its template: validation says so.
	absent := func(labels map[string]string, key, value string) {
		if _, there := labels[key]; !there {
			labels[key] = value
		}
	}
	for _, key := range []string{batchv1.ControllerUidLabel, "controller-uid"} {
		absent(template.Labels, key, string(job.UID))
	}
	for _, key := range []string{batchv1.JobNameLabel, "job-name"} {
		absent(template.Labels, key, job.Name)
	}
	if job.Spec.Selector == nil {
		job.Spec.Selector = &metav1.LabelSelector{}
	}
	if job.Spec.Selector.MatchLabels == nil {
		job.Spec.Selector.MatchLabels = map[string]string{}
	}
	absent(job.Spec.Selector.MatchLabels, batchv1.ControllerUidLabel, string(job.UID))
}

func prepareSlice(_ context.Context, obj runtime.Object) {
	obj.(*discoveryv1.EndpointSlice).Generation = 1
}

// updateSlice counts the changes of what a slice holds, as it has no Spec.
func updateSlice(_ context.Context, obj, old runtime.Object) {
	slice, was := obj.(*discoveryv1.EndpointSlice), old.(*discoveryv1.EndpointSlice)
	slice.Generation = was.Generation
	same := slice.AddressType == was.AddressType && equality.Semantic.DeepEqual(slice.Endpoints, was.Endpoints) && equality.Semantic.DeepEqual(slice.Ports, was.Ports)
	if !same {
		slice.Generation++
	}
}

// prepareRequest notes who asks for a certificate; nobody can ask in another's name.
func prepareRequest(ctx context.Context, obj runtime.Object) {
	spec := &obj.(*certificatesv1.CertificateSigningRequest).Spec
	spec.Username, spec.UID, spec.Groups, spec.Extra = "", "", nil, nil
	user, ok := request.UserFrom(ctx)
	if !ok {
		return
	}
	spec.Username, spec.UID, spec.Groups = user.GetName(), user.GetUID(), user.GetGroups()
	for key, values := range user.GetExtra() {
		if spec.Extra == nil {
			spec.Extra = map[string]certificatesv1.ExtraValue{}
		}
		spec.Extra[key] = values
	}
}
