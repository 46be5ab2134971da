package pvcprotection

import (
	"context"
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"

	"github.com/petcd/petcd/orchestrator/controller"
)

// finalizer holds a claim back.
const finalizer = "kubernetes.io/pvc-protection"

// guard puts the finalizer on claims and takes it off.
type guard struct {
	client kubernetes.Interface
	claims corelisters.PersistentVolumeClaimLister
	podsOf func(claim string) ([]*v1.Pod, error)
}

// New returns the controller.
func New(env *controller.Env) controller.Runner {
	g := newGuard(env)
	core := env.Informers.Core().V1()
	loop := controller.NewLoop("persistentvolumeclaim-protection-controller", 2, g.sync,
		core.PersistentVolumeClaims().Informer().HasSynced, core.Pods().Informer().HasSynced)
	controller.On[*v1.PersistentVolumeClaim]{
		Add:    func(pvc *v1.PersistentVolumeClaim) { loop.Enqueue(pvc) },
		Update: func(_, pvc *v1.PersistentVolumeClaim) { loop.Enqueue(pvc) },
	}.Watch(core.PersistentVolumeClaims().Informer())
	free := func(p *v1.Pod) {
		for _, name := range controller.ClaimsOf(p) {
			loop.Add(p.Namespace + "/" + name)
		}
	}
	controller.On[*v1.Pod]{
		Update: func(old, p *v1.Pod) {
			if old.UID != p.UID { // its deletion went unseen
				free(old)
			}
		},
		Delete: free,
	}.Watch(core.Pods().Informer())
	return loop
}

func newGuard(env *controller.Env) *guard {
	return &guard{
		client: env.Client, claims: env.Informers.Core().V1().PersistentVolumeClaims().Lister(), podsOf: controller.PodsByClaim(env),
	}
}

func (g *guard) sync(ctx context.Context, key string) error {
	namespace, name, err := controller.Split(key)
	if err != nil {
		return err
	}
	pvc, err := g.claims.PersistentVolumeClaims(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("claim %s: %w", key, err)
	}
	held := slices.Contains(pvc.Finalizers, finalizer)
	now := pvc.DeepCopy()
	switch {
	case pvc.DeletionTimestamp == nil && !held:
		now.Finalizers = append(now.Finalizers, finalizer)
	case pvc.DeletionTimestamp != nil && held:
		used, err := g.used(ctx, pvc)
		if used || err != nil {
			return err
		}
		now.Finalizers = slices.DeleteFunc(now.Finalizers, func(f string) bool { return f == finalizer })
	default:
		return nil
	}
	_, err = g.client.CoreV1().PersistentVolumeClaims(namespace).Update(ctx, now, metav1.UpdateOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("change the finalizers of claim %s: %w", key, err)
	}
	return nil
}

// used tells whether a pod on a node names the claim. What the cache does not know is asked of the apiserver: a pod may just have
// been bound, and data would be lost.
func (g *guard) used(ctx context.Context, pvc *v1.PersistentVolumeClaim) (bool, error) {
	pods, err := g.podsOf(pvc.Namespace + "/" + pvc.Name)
	if err != nil {
		return false, err
	}
	for _, p := range pods {
		if uses(p, pvc) {
			return true, nil
		}
	}
	now, err := g.client.CoreV1().Pods(pvc.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return false, fmt.Errorf("list the pods of namespace %s: %w", pvc.Namespace, err)
	}
	for i := range now.Items {
		if uses(&now.Items[i], pvc) {
			return true, nil
		}
	}
	return false, nil
}

func uses(p *v1.Pod, pvc *v1.PersistentVolumeClaim) bool {
	return p.Spec.NodeName != "" && slices.Contains(controller.ClaimsOf(p), pvc.Name)
}
