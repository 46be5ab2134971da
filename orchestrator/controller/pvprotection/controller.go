package pvprotection

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

// finalizer holds a volume back.
const finalizer = "kubernetes.io/pv-protection"

// guard puts the finalizer on volumes and takes it off.
type guard struct {
	client  kubernetes.Interface
	volumes corelisters.PersistentVolumeLister
}

// New returns the controller.
func New(env *controller.Env) controller.Runner {
	g := newGuard(env)
	volumes := env.Informers.Core().V1().PersistentVolumes().Informer()
	loop := controller.NewLoop("persistentvolume-protection-controller", 1, g.sync, volumes.HasSynced)
	controller.On[*v1.PersistentVolume]{
		Add:    func(pv *v1.PersistentVolume) { loop.Enqueue(pv) },
		Update: func(_, pv *v1.PersistentVolume) { loop.Enqueue(pv) },
	}.Watch(volumes)
	return loop
}

func newGuard(env *controller.Env) *guard {
	return &guard{client: env.Client, volumes: env.Informers.Core().V1().PersistentVolumes().Lister()}
}

func (g *guard) sync(ctx context.Context, name string) error {
	pv, err := g.volumes.Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("volume %s: %w", name, err)
	}
	held := slices.Contains(pv.Finalizers, finalizer)
	now := pv.DeepCopy()
	switch {
	case pv.DeletionTimestamp == nil && !held:
		now.Finalizers = append(now.Finalizers, finalizer)
	case pv.DeletionTimestamp != nil && held && pv.Status.Phase != v1.VolumeBound:
		now.Finalizers = slices.DeleteFunc(now.Finalizers, func(f string) bool { return f == finalizer })
	default:
		return nil
	}
	_, err = g.client.CoreV1().PersistentVolumes().Update(ctx, now, metav1.UpdateOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("change the finalizers of volume %s: %w", name, err)
	}
	return nil
}
