package quota

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// named are the resources of the core group that quotas have also counted by their bare name since before there was count/….
// Pods have that name too, but only while they run.
var named = map[string]bool{
	"configmaps": true, "persistentvolumeclaims": true, "replicationcontrollers": true, "resourcequotas": true, "secrets": true,
	"services": true,
}

// Usage is what one object counts as; nil if no quota concerns it. Which resource the object belongs to is guessed from its
// kind, in the way in which resources are commonly named: whoever knows it calls UsageOf.
func Usage(obj runtime.Object) corev1.ResourceList {
	kind, ok := kindOf(obj)
	if !ok {
		return nil
	}
	guess, _ := meta.UnsafeGuessKindToResource(kind)
	return UsageOf(guess.GroupResource(), obj, time.Now())
}

func kindOf(obj runtime.Object) (schema.GroupVersionKind, bool) {
	if obj == nil {
		return schema.GroupVersionKind{}, false
	}
	if kinds, _, err := scheme.Scheme.ObjectKinds(obj); err == nil && len(kinds) > 0 {
		return kinds[0], true
	}
	kind := obj.GetObjectKind().GroupVersionKind() // an object of a custom resource
	return kind, kind.Kind != ""
}

// UsageOf is Usage of an object of a known resource at a known time. Of a pod that has ended, or that should be gone by now,
// only its storage is counted: count/pods.
func UsageOf(of schema.GroupResource, obj runtime.Object, now time.Time) corev1.ResourceList {
	object, err := meta.Accessor(obj)
	if err != nil || object.GetNamespace() == "" || of.Resource == "events" {
		return nil
	}
	used := corev1.ResourceList{CountOf(of): one()}
	if of.Group == "" && named[of.Resource] {
		used[corev1.ResourceName(of.Resource)] = one()
	}
	switch o := obj.(type) {
	case *corev1.Pod:
		addPod(used, o, now)
	case *corev1.Service:
		addService(used, o)
	case *corev1.PersistentVolumeClaim:
		addClaim(used, o)
	}
	return used
}

// CountOf is the name under which a quota counts the objects of a resource: count/<resource>.<group>, or count/<resource>.
func CountOf(r schema.GroupResource) corev1.ResourceName {
	return corev1.ResourceName("count/" + r.String())
}

func one() resource.Quantity { return *resource.NewQuantity(1, resource.DecimalSI) }

func addService(used corev1.ResourceList, s *corev1.Service) {
	ports := 0
	switch s.Spec.Type {
	case corev1.ServiceTypeNodePort:
		ports = len(s.Spec.Ports)
	case corev1.ServiceTypeLoadBalancer:
		used[corev1.ResourceServicesLoadBalancers] = one()
		if allocate := s.Spec.AllocateLoadBalancerNodePorts; allocate == nil || *allocate {
			ports = len(s.Spec.Ports)
			break
		}
		for i := range s.Spec.Ports {
			if s.Spec.Ports[i].NodePort != 0 { // asked for, though none are given by themselves
				ports++
			}
		}
	}
	if ports > 0 {
		used[corev1.ResourceServicesNodePorts] = *resource.NewQuantity(int64(ports), resource.DecimalSI)
	}
}

// classSuffix is between a storage class and what a quota counts of that class alone.
const classSuffix = ".storageclass.storage.k8s.io/"

func addClaim(used corev1.ResourceList, c *corev1.PersistentVolumeClaim) {
	class := c.Annotations[corev1.BetaStorageClassAnnotation]
	if class == "" && c.Spec.StorageClassName != nil {
		class = *c.Spec.StorageClassName
	}
	if class != "" {
		used[corev1.ResourceName(class+classSuffix)+corev1.ResourcePersistentVolumeClaims] = one()
	}
	size, ok := c.Spec.Resources.Requests[corev1.ResourceStorage]
	if !ok {
		return
	}
	// A claim that was made smaller after a failed expansion still has what was allocated.
	if allocated, ok := c.Status.AllocatedResources[corev1.ResourceStorage]; ok && allocated.Cmp(size) > 0 {
		size = allocated
	}
	used[corev1.ResourceRequestsStorage] = size.DeepCopy()
	if class != "" {
		used[corev1.ResourceName(class+classSuffix)+corev1.ResourceRequestsStorage] = size.DeepCopy()
	}
}
