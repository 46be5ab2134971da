package pvbinder

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	storage "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	"k8s.io/client-go/tools/record"

	"github.com/petcd/petcd/orchestrator/controller"
)

// Options of the controller.
type Options struct {
	// HostPathDir is the folder on the nodes below which the provisioner kubernetes.io/host-path gives folders. There is no such
	// provisioner if it is empty.
	HostPathDir string
}

// binder is what both loops work with.
type binder struct {
	opts     Options
	client   kubernetes.Interface
	recorder record.EventRecorder
	claims   corelisters.PersistentVolumeClaimLister
	volumes  corelisters.PersistentVolumeLister
	nodes    corelisters.NodeLister
	classes  storagelisters.StorageClassLister
}

// New returns the controller.
func New(env *controller.Env, o Options) controller.Runner {
	b := newBinder(env, o)
	core, classes := env.Informers.Core().V1(), env.Informers.Storage().V1().StorageClasses().Informer()
	pvcs, pvs := core.PersistentVolumeClaims().Informer(), core.PersistentVolumes().Informer()
	claims := controller.NewLoop("persistentvolume-binder-controller", 1, b.syncClaim,
		pvcs.HasSynced, pvs.HasSynced, classes.HasSynced, core.Nodes().Informer().HasSynced)
	volumes := controller.NewLoop("persistentvolume-binder-controller-volumes", 1, b.syncVolume, pvcs.HasSynced, pvs.HasSynced)

	controller.Any(func(pvc *v1.PersistentVolumeClaim) {
		claims.Enqueue(pvc)
		b.eachVolumeOf(pvc, func(pv *v1.PersistentVolume) { volumes.Enqueue(pv) })
	}).Watch(pvcs)
	controller.Any(func(pv *v1.PersistentVolume) {
		volumes.Enqueue(pv)
		b.eachClaimFor(pv, func(pvc *v1.PersistentVolumeClaim) { claims.Enqueue(pvc) })
	}).Watch(pvs)
	controller.Any(func(*storage.StorageClass) {
		b.eachClaimFor(nil, func(pvc *v1.PersistentVolumeClaim) { claims.Enqueue(pvc) })
	}).Watch(classes)
	return controller.Runners{claims, volumes}
}

func newBinder(env *controller.Env, o Options) *binder {
	core := env.Informers.Core().V1()
	return &binder{
		opts: o, client: env.Client, recorder: env.Recorder("persistentvolume-controller"),
		claims: core.PersistentVolumeClaims().Lister(), volumes: core.PersistentVolumes().Lister(), nodes: core.Nodes().Lister(),
		classes: env.Informers.Storage().V1().StorageClasses().Lister(),
	}
}

// eachVolumeOf calls f with the volumes that a claim names, or that name the claim.
func (b *binder) eachVolumeOf(pvc *v1.PersistentVolumeClaim, f func(*v1.PersistentVolume)) {
	pvs, err := b.volumes.List(labels.Everything())
	if err != nil {
		runtime.HandleError(fmt.Errorf("pvbinder: list volumes: %w", err))
	}
	for _, pv := range pvs {
		if pv.Name == pvc.Spec.VolumeName || names(pv, pvc) {
			f(pv)
		}
	}
}

// eachClaimFor calls f with the claims whose state a volume may change: the one that it names, those that name it, and if it is free
// those that have none yet. No volume stands for any that is free.
func (b *binder) eachClaimFor(pv *v1.PersistentVolume, f func(*v1.PersistentVolumeClaim)) {
	pvcs, err := b.claims.List(labels.Everything())
	if err != nil {
		runtime.HandleError(fmt.Errorf("pvbinder: list claims: %w", err))
	}
	for _, pvc := range pvcs {
		free := pv == nil || pv.Spec.ClaimRef == nil
		switch {
		case pvc.Spec.VolumeName == "" && free,
			pv != nil && pvc.Spec.VolumeName == pv.Name,
			!free && names(pv, pvc):
			f(pvc)
		}
	}
}

// names tells that a volume is for a claim of that name, be it this one or not.
func names(pv *v1.PersistentVolume, pvc *v1.PersistentVolumeClaim) bool {
	ref := pv.Spec.ClaimRef
	return ref != nil && ref.Namespace == pvc.Namespace && ref.Name == pvc.Name
}
