package noderestriction

import (
	"context"
	"errors"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/apiserver/admission/podrefs"
)

// pod lets a kubelet show, delete and evict pods of its own, and tell how they are.
func (p *Plugin) pod(ctx context.Context, node string, a admission.Attributes) error {
	switch a.GetSubresource() {
	case "":
	case "status":
		return admitStatus(node, a)
	case "eviction":
		return p.evict(ctx, node, a)
	default:
		return fmt.Errorf("unexpected pod subresource %q, only 'status' and 'eviction' are allowed", a.GetSubresource())
	}
	switch a.GetOperation() {
	case admission.Create:
		return p.createMirror(ctx, node, a)
	case admission.Delete:
		pod, err := p.find(ctx, a.GetNamespace(), a.GetName(), on(node))
		if err == nil && pod.Spec.NodeName != node {
			err = fmt.Errorf("node %q can only delete pods with spec.nodeName set to itself", node)
		}
		return err
	}
	return fmt.Errorf("unexpected operation %q, node %q can only create and delete mirror pods", a.GetOperation(), node)
}

// createMirror lets a kubelet show its static pods. They have nothing that the kubelet could not have without the cluster: or a
// kubelet could make itself pods that give it the secrets of others.
func (p *Plugin) createMirror(ctx context.Context, node string, a admission.Attributes) error {
	pod, ok := a.GetObject().(*corev1.Pod)
	if !ok {
		return fmt.Errorf("unexpected type %T", a.GetObject())
	}
	if _, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]; !mirror {
		return fmt.Errorf("pod does not have %q annotation, node %q can only create mirror pods", corev1.MirrorPodAnnotationKey, node)
	}
	if pod.Spec.NodeName != node {
		return fmt.Errorf("node %q can only create pods with spec.nodeName set to itself", node)
	}
	if err := p.ownedByNode(ctx, node, pod); err != nil {
		return err
	}
	return withoutReferences(node, pod)
}

// ownedByNode refuses a pod that would not go when its node goes, or that would keep something from going.
func (p *Plugin) ownedByNode(ctx context.Context, name string, pod *corev1.Pod) error {
	if len(pod.OwnerReferences) == 0 {
		return fmt.Errorf("node %q can only create pods with an owner reference set to itself", name)
	}
	if len(pod.OwnerReferences) > 1 {
		return fmt.Errorf("node %q can only create pods with a single owner reference set to itself", name)
	}
	owner := pod.OwnerReferences[0]
	if owner.APIVersion != corev1.SchemeGroupVersion.String() || owner.Kind != "Node" || owner.Name != name {
		return fmt.Errorf("node %q can only create pods with an owner reference set to itself", name)
	}
	if !ptr.Deref(owner.Controller, false) {
		return fmt.Errorf("node %q can only create pods with a controller owner reference set to itself", name)
	}
	if ptr.Deref(owner.BlockOwnerDeletion, false) {
		return fmt.Errorf("node %q must not set blockOwnerDeletion on an owner reference", name)
	}
	node, err := p.nodes.Get(name)
	if apierrors.IsNotFound(err) {
		node, err = p.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	}
	if err != nil {
		return err
	}
	if owner.UID != node.UID {
		return fmt.Errorf("node %s UID mismatch: expected %s got %s", name, owner.UID, node.UID)
	}
	return nil
}

// withoutReferences refuses pods that get something from the cluster.
func withoutReferences(node string, pod *corev1.Pod) error {
	refuse := func(what string) error {
		return fmt.Errorf("node %q can not create pods that reference %s", node, what)
	}
	switch {
	case pod.Spec.ServiceAccountName != "":
		return refuse("a service account")
	case len(podrefs.Secrets(pod)) > 0:
		return refuse("secrets")
	case len(podrefs.ConfigMaps(pod)) > 0:
		return refuse("configmaps")
	case len(pod.Spec.ResourceClaims) > 0:
		return refuse("resourceclaims")
	case podrefs.Tokens(pod):
		return refuse("serviceaccount tokens")
	}
	for _, v := range pod.Spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			return refuse("persistentvolumeclaims")
		}
		if v.Projected == nil {
			continue
		}
		for _, s := range v.Projected.Sources {
			switch {
			case s.ClusterTrustBundle != nil:
				return refuse("clustertrustbundles")
			case s.PodCertificate != nil:
				return refuse("podcertificates")
			}
		}
	}
	return nil
}

// admitStatus keeps labels out of it: Services find pods by them.
func admitStatus(node string, a admission.Attributes) error {
	if a.GetOperation() != admission.Update {
		return fmt.Errorf("unexpected operation %q", a.GetOperation())
	}
	old, ok1 := a.GetOldObject().(*corev1.Pod)
	pod, ok2 := a.GetObject().(*corev1.Pod)
	switch {
	case !ok1 || !ok2:
		return fmt.Errorf("unexpected type %T", a.GetObject())
	case old.Spec.NodeName != node:
		return fmt.Errorf("node %q can only update pod status for pods with spec.nodeName set to itself", node)
	case !labels.Equals(old.Labels, pod.Labels):
		return fmt.Errorf("node %q cannot update labels through pod status", node)
	case !equality.Semantic.DeepEqual(old.Status.ResourceClaimStatuses, pod.Status.ResourceClaimStatuses):
		return fmt.Errorf("node %q cannot update resource claim statues", node)
	}
	return nil
}

// on tells whether a pod is a node's.
func on(node string) func(*corev1.Pod) bool {
	return func(pod *corev1.Pod) bool { return pod.Spec.NodeName == node }
}

// evict goes by the path's name; the object may leave its own out.
func (p *Plugin) evict(ctx context.Context, node string, a admission.Attributes) error {
	if a.GetOperation() != admission.Create {
		return fmt.Errorf("unexpected operation %s", a.GetOperation())
	}
	name := a.GetName()
	if name == "" {
		eviction, ok := a.GetObject().(metav1.Object)
		if !ok || eviction.GetName() == "" {
			return errors.New("could not determine pod from request data")
		}
		name = eviction.GetName()
	}
	pod, err := p.find(ctx, a.GetNamespace(), name, on(node))
	if err == nil && pod.Spec.NodeName != node {
		err = fmt.Errorf("node %s can only evict pods with spec.nodeName set to itself", node)
	}
	return err
}

// token lets a kubelet have tokens for the pods that run on it.
func (p *Plugin) token(ctx context.Context, node string, a admission.Attributes) error {
	if a.GetOperation() != admission.Create || a.GetSubresource() != "token" {
		return nil
	}
	request, ok := a.GetObject().(*authenticationv1.TokenRequest)
	if !ok {
		return fmt.Errorf("unexpected type %T", a.GetObject())
	}
	ref := request.Spec.BoundObjectRef
	if ref == nil || ref.APIVersion != "v1" || ref.Kind != "Pod" || ref.Name == "" {
		return errors.New("node requested token not bound to a pod")
	}
	if ref.UID == "" {
		return errors.New("node requested token with a pod binding without a uid")
	}
	pod, err := p.find(ctx, a.GetNamespace(), ref.Name, func(pod *corev1.Pod) bool { return pod.UID == ref.UID && on(node)(pod) })
	switch {
	case err != nil:
		return err
	case ref.UID != pod.UID:
		return fmt.Errorf("the UID in the bound object reference (%s) does not match the UID in record. "+
			"The object might have been deleted and then recreated", ref.UID)
	case pod.Spec.NodeName != node:
		return errors.New("node requested token bound to a pod scheduled on a different node")
	}
	return nil
}
