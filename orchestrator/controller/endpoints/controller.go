package endpoints

import (
	"context"
	"fmt"
	"maps"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/record"

	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/controller/servicepods"
)

const (
	// labelManagedBy marks Endpoints that a controller writes, with its name.
	labelManagedBy = "endpoints.kubernetes.io/managed-by"
	name           = "endpoint-controller"
)

// writer writes the Endpoints of services.
type writer struct {
	client    kubernetes.Interface
	recorder  record.EventRecorder
	services  corelisters.ServiceLister
	pods      corelisters.PodLister
	endpoints corelisters.EndpointsLister
	triggers  *servicepods.Triggers
}

// New returns the controller.
func New(env *controller.Env) controller.Runner {
	w := newWriter(env)
	core := env.Informers.Core().V1()
	loop := controller.NewLoop(name, 5, w.sync,
		core.Services().Informer().HasSynced, core.Pods().Informer().HasSynced, core.Endpoints().Informer().HasSynced)
	servicepods.Watch(env, loop.Enqueue)
	controller.On[*v1.Endpoints]{
		Add: func(ep *v1.Endpoints) {
			// Its service may have gone while nobody watched.
			if ep.Labels[labelManagedBy] == name {
				loop.Enqueue(ep)
			}
		},
		Delete: func(ep *v1.Endpoints) { loop.Enqueue(ep) },
	}.Watch(core.Endpoints().Informer())
	return loop
}

func newWriter(env *controller.Env) *writer {
	core := env.Informers.Core().V1()
	return &writer{
		client: env.Client, recorder: env.Recorder(name), triggers: servicepods.NewTriggers(),
		services: core.Services().Lister(), pods: core.Pods().Lister(), endpoints: core.Endpoints().Lister(),
	}
}

func (w *writer) sync(ctx context.Context, key string) error {
	namespace, service, err := controller.Split(key)
	if err != nil {
		return err
	}
	svc, err := w.services.Services(namespace).Get(service)
	if apierrors.IsNotFound(err) {
		w.triggers.Forget(key)
		err = w.client.CoreV1().Endpoints(namespace).Delete(ctx, service, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("delete endpoints %s: %w", key, err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("service %s: %w", key, err)
	}
	if !servicepods.Managed(svc) {
		return nil
	}
	pods, err := w.pods.Pods(namespace).List(labels.SelectorFromValidatedSet(svc.Spec.Selector))
	if err != nil {
		return fmt.Errorf("list the pods of service %s: %w", key, err)
	}
	return w.write(ctx, svc, pods, w.triggers.Since(key, svc, pods))
}

// write brings the Endpoints of a service up to date; nothing is sent if they are.
func (w *writer) write(ctx context.Context, svc *v1.Service, pods []*v1.Pod, since time.Time) error {
	was, err := w.endpoints.Endpoints(svc.Namespace).Get(svc.Name)
	create := apierrors.IsNotFound(err)
	if err != nil && !create {
		return fmt.Errorf("endpoints %s/%s: %w", svc.Namespace, svc.Name, err)
	}
	if create {
		was = &v1.Endpoints{ObjectMeta: metav1.ObjectMeta{Namespace: svc.Namespace, Name: svc.Name}}
	}
	is := was.DeepCopy()
	is.Labels = labelsOf(svc)
	if is.Annotations == nil {
		is.Annotations = map[string]string{}
	}
	var over bool
	is.Subsets, over = truncate(subsets(svc, pods))
	setOrDelete(is.Annotations, v1.EndpointsOverCapacity, "truncated", over)
	if !create && equality.Semantic.DeepEqual(was.Subsets, is.Subsets) && maps.Equal(was.Labels, is.Labels) &&
		was.Annotations[v1.EndpointsOverCapacity] == is.Annotations[v1.EndpointsOverCapacity] {
		return nil
	}
	setOrDelete(is.Annotations, v1.EndpointsLastChangeTriggerTime, since.UTC().Format(time.RFC3339Nano), !since.IsZero())
	if create {
		return w.create(ctx, svc, is)
	}
	if _, err = w.client.CoreV1().Endpoints(is.Namespace).Update(ctx, is, metav1.UpdateOptions{}); err != nil {
		if !apierrors.IsConflict(err) {
			w.recorder.Eventf(is, v1.EventTypeWarning, "FailedToUpdateEndpoint",
				"Failed to update endpoint %v/%v: %v", is.Namespace, is.Name, err)
		}
		return fmt.Errorf("update endpoints %s/%s: %w", is.Namespace, is.Name, err)
	}
	return nil
}

func (w *writer) create(ctx context.Context, svc *v1.Service, ep *v1.Endpoints) error {
	_, err := w.client.CoreV1().Endpoints(ep.Namespace).Create(ctx, ep, metav1.CreateOptions{})
	if err == nil || apierrors.HasStatusCause(err, v1.NamespaceTerminatingCause) {
		return nil
	}
	if apierrors.IsAlreadyExists(err) {
		return controller.Later(time.Second) // the cache is about to show them
	}
	w.recorder.Eventf(svc, v1.EventTypeWarning, "FailedToCreateEndpoint",
		"Failed to create endpoint for service %v/%v: %v", svc.Namespace, svc.Name, err)
	return fmt.Errorf("create endpoints %s/%s: %w", ep.Namespace, ep.Name, err)
}

// labelsOf are the labels of a service's Endpoints: its own, and two that say what they are.
func labelsOf(svc *v1.Service) map[string]string {
	l := make(map[string]string, len(svc.Labels)+2)
	maps.Copy(l, svc.Labels)
	l[labelManagedBy] = name
	setOrDelete(l, v1.IsHeadlessService, "", servicepods.Headless(svc))
	return l
}

func setOrDelete(m map[string]string, key, value string, set bool) {
	if set {
		m[key] = value
	} else {
		delete(m, key)
	}
}
