package resourcequota

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/runtime"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/quota"
)

const (
	workers = 5
	resync  = 5 * time.Minute
	// soon is when to look again for a count that is not known yet.
	soon = time.Second
)

// Controller recounts ResourceQuotas.
type Controller struct {
	env      *controller.Env
	quotas   corelisters.ResourceQuotaLister
	pods     corelisters.PodLister
	services corelisters.ServiceLister
	claims   corelisters.PersistentVolumeClaimLister
	loop     *controller.Loop

	mu       sync.Mutex // while it is decided what to monitor
	monitors *controller.Monitors
}

// New returns the controller. It needs Metadata and Mapper.
func New(env *controller.Env) controller.Runner {
	c := newController(env)
	return controller.Runners{c.loop, controller.Every(env.Clock, resync, func(context.Context) { c.enqueue(metav1.NamespaceAll) })}
}

func newController(env *controller.Env) *Controller {
	core := env.Informers.Core().V1()
	c := &Controller{
		env: env, quotas: core.ResourceQuotas().Lister(), pods: core.Pods().Lister(), services: core.Services().Lister(),
		claims: core.PersistentVolumeClaims().Lister(),
	}
	c.monitors = controller.NewMonitors(env.Metadata, func(schema.GroupVersionResource) cache.ResourceEventHandler {
		return cache.ResourceEventHandlerFuncs{DeleteFunc: c.gone}
	})
	c.loop = controller.NewLoop("resourcequota", workers, c.sync, core.ResourceQuotas().Informer().HasSynced,
		core.Pods().Informer().HasSynced, core.Services().Informer().HasSynced, core.PersistentVolumeClaims().Informer().HasSynced)

	controller.On[*corev1.ResourceQuota]{
		Add: func(q *corev1.ResourceQuota) { c.loop.Enqueue(q) },
		Update: func(old, q *corev1.ResourceQuota) {
			if !equality.Semantic.DeepEqual(old.Spec, q.Spec) { // admission changes the status with each object
				c.loop.Enqueue(q)
			}
		},
	}.Watch(core.ResourceQuotas().Informer())
	// What is added was charged by admission, before our informers show it: to recount then would be to forget others like it.
	controller.On[*corev1.Pod]{Update: func(old, p *corev1.Pod) { c.changed(pods, old, p) }, Delete: func(p *corev1.Pod) { c.gone(p) }}.
		Watch(core.Pods().Informer())
	controller.On[*corev1.Service]{Update: func(old, s *corev1.Service) { c.changed(services, old, s) }, Delete: func(s *corev1.Service) { c.gone(s) }}.
		Watch(core.Services().Informer())
	controller.On[*corev1.PersistentVolumeClaim]{
		Update: func(old, p *corev1.PersistentVolumeClaim) { c.changed(claims, old, p) },
		Delete: func(p *corev1.PersistentVolumeClaim) { c.gone(p) },
	}.Watch(core.PersistentVolumeClaims().Informer())
	return c
}

// changed recounts a namespace if an object counts as something else now.
func (c *Controller) changed(of schema.GroupResource, old, obj object) {
	now := c.env.Clock.Now()
	if !equality.Semantic.DeepEqual(quota.UsageOf(of, old, now), quota.UsageOf(of, obj, now)) {
		c.enqueue(obj.GetNamespace())
	}
}

// gone recounts the namespace of a deleted object.
func (c *Controller) gone(obj any) {
	if last, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = last.Obj
	}
	if o, ok := obj.(metav1.Object); ok {
		c.enqueue(o.GetNamespace())
	}
}

// enqueue queues all quotas of a namespace, or of all of them.
func (c *Controller) enqueue(namespace string) {
	all, err := c.quotas.ResourceQuotas(namespace).List(labels.Everything())
	if err != nil {
		runtime.HandleError(fmt.Errorf("resourcequota: %w", err))
	}
	for _, q := range all {
		c.loop.Enqueue(q)
	}
}

func (c *Controller) sync(ctx context.Context, key string) error {
	namespace, name, err := controller.Split(key)
	if err != nil {
		return err
	}
	if err := c.watch(ctx); err != nil {
		return err
	}
	cached, err := c.quotas.ResourceQuotas(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	used, err := c.count(cached)
	if err != nil {
		return err
	}
	if equality.Semantic.DeepEqual(cached.Spec.Hard, cached.Status.Hard) && equality.Semantic.DeepEqual(used, cached.Status.Used) {
		return nil
	}
	q := cached.DeepCopy()
	q.Status = corev1.ResourceQuotaStatus{Hard: q.Spec.Hard.DeepCopy(), Used: used}
	if _, err := c.env.Client.CoreV1().ResourceQuotas(namespace).UpdateStatus(ctx, q, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("status of resource quota %s: %w", key, err)
	}
	return nil
}
