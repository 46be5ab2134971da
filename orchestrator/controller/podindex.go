package controller

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/tools/cache"
)

// ownerIndex is the pod informer's index by the owner's UID; orphans are under their namespace.
const ownerIndex = "petcd.owner"

// PodsByOwner returns what lists the pods that an owner has or might adopt: the candidates of a Claim. Call it before the
// informers start.
func PodsByOwner(e *Env) func(owner metav1.Object) ([]*v1.Pod, error) {
	list := podsBy(e, ownerIndex, func(p *v1.Pod) []string {
		if ref := metav1.GetControllerOf(p); ref != nil {
			return []string{string(ref.UID)}
		}
		return []string{orphansOf(p.Namespace)}
	})
	return func(owner metav1.Object) ([]*v1.Pod, error) {
		own, err := list(string(owner.GetUID()))
		if err != nil {
			return nil, fmt.Errorf("pods of %s/%s: %w", owner.GetNamespace(), owner.GetName(), err)
		}
		orphans, err := list(orphansOf(owner.GetNamespace()))
		if err != nil {
			return nil, fmt.Errorf("orphans in %s: %w", owner.GetNamespace(), err)
		}
		return append(own, orphans...), nil
	}
}

// orphansOf is a key that is no UID.
func orphansOf(namespace string) string { return "orphans/" + namespace }

// nodeIndex is the pod informer's index by node. Every controller that wants it shares the one that the first has added.
const nodeIndex = "petcd.node"

// PodsByNode returns what lists the pods that are bound to a node. Call it before the informers start.
func PodsByNode(e *Env) func(node string) ([]*v1.Pod, error) {
	return podsBy(e, nodeIndex, func(p *v1.Pod) []string {
		if p.Spec.NodeName == "" {
			return nil
		}
		return []string{p.Spec.NodeName}
	})
}

// claimIndex is the pod informer's index by the PersistentVolumeClaims that a pod mounts.
const claimIndex = "petcd.claim"

// PodsByClaim returns what lists the pods that mount a claim, which is given as "namespace/name". Call it before the informers start.
func PodsByClaim(e *Env) func(claim string) ([]*v1.Pod, error) {
	return podsBy(e, claimIndex, func(p *v1.Pod) []string {
		var keys []string
		for _, name := range ClaimsOf(p) {
			keys = append(keys, p.Namespace+"/"+name)
		}
		return keys
	})
}

// ClaimsOf names the claims that a pod mounts, those made for its ephemeral volumes too.
func ClaimsOf(p *v1.Pod) []string {
	var names []string
	for i := range p.Spec.Volumes {
		switch v := &p.Spec.Volumes[i]; {
		case v.PersistentVolumeClaim != nil:
			names = append(names, v.PersistentVolumeClaim.ClaimName)
		case v.Ephemeral != nil:
			names = append(names, p.Name+"-"+v.Name)
		}
	}
	return names
}

func podsBy(e *Env, index string, keys func(*v1.Pod) []string) func(string) ([]*v1.Pod, error) {
	informer := e.Informers.Core().V1().Pods().Informer()
	if _, has := informer.GetIndexer().GetIndexers()[index]; !has {
		err := informer.AddIndexers(cache.Indexers{index: func(obj any) ([]string, error) {
			if p, ok := obj.(*v1.Pod); ok {
				return keys(p), nil
			}
			return nil, nil
		}})
		if err != nil {
			runtime.HandleError(fmt.Errorf("controller: index pods: %w", err)) // the informer has stopped: so does the process
		}
	}
	return func(key string) ([]*v1.Pod, error) {
		objs, err := informer.GetIndexer().ByIndex(index, key)
		if err != nil {
			return nil, fmt.Errorf("list pods by %s: %w", index, err)
		}
		pods := make([]*v1.Pod, 0, len(objs))
		for _, obj := range objs {
			if p, ok := obj.(*v1.Pod); ok {
				pods = append(pods, p)
			}
		}
		return pods, nil
	}
}
