package services

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/util/dryrun"

	"github.com/petcd/petcd/orchestrator/apiserver/allocator"
)

// releaseTimeout bounds what goes on after a deletion has been answered.
const releaseTimeout = 30 * time.Second

// Services assigns addresses and node ports to Services.
type Services struct {
	ips    map[corev1.IPFamily]*allocator.IPs
	family corev1.IPFamily // of those that don't choose
	ports  *allocator.Ports
	tries  tries
}

// New returns what assigns ports, and addresses of one range or of two of different families, of which the first is the default.
func New(ports *allocator.Ports, ips ...*allocator.IPs) (*Services, error) {
	s := &Services{ports: ports, ips: map[corev1.IPFamily]*allocator.IPs{}, tries: tries{of: map[context.Context]*operation{}}}
	if len(ips) == 0 {
		return nil, errors.New("services: no range of addresses")
	}
	s.family = ips[0].Family()
	for _, a := range ips {
		if s.ips[a.Family()] != nil {
			return nil, fmt.Errorf("services: more than one range of %s", a.Family())
		}
		s.ips[a.Family()] = a
	}
	return s, nil
}

// BeginCreate is the hook of that name of a genericregistry.Store.
func (s *Services) BeginCreate(ctx context.Context, obj runtime.Object, o *metav1.CreateOptions) (genericregistry.FinishFunc, error) {
	svc, ok := obj.(*corev1.Service)
	if !ok {
		return nil, fmt.Errorf("services: unexpected %T", obj)
	}
	return s.assign(ctx, svc, nil, o != nil && dryrun.IsDryRun(o.DryRun))
}

// BeginUpdate is the hook of that name of a genericregistry.Store.
func (s *Services) BeginUpdate(
	ctx context.Context, obj, old runtime.Object, o *metav1.UpdateOptions,
) (genericregistry.FinishFunc, error) {
	svc, ok1 := obj.(*corev1.Service)
	was, ok2 := old.(*corev1.Service)
	if !ok1 || !ok2 {
		return nil, fmt.Errorf("services: unexpected %T and %T", obj, old)
	}
	keep(svc, was)
	drop(svc, was)
	return s.assign(ctx, svc, was, o != nil && dryrun.IsDryRun(o.DryRun))
}

// AfterDelete is the hook of that name of a genericregistry.Store.
func (s *Services) AfterDelete(obj runtime.Object, o *metav1.DeleteOptions) {
	svc, ok := obj.(*corev1.Service)
	if !ok {
		return
	}
	op := s.begin(o != nil && dryrun.IsDryRun(o.DryRun))
	op.giveUp(svc, &corev1.Service{})
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	op.finish(ctx, true)
}

// assign takes what svc needs and was has not; was is nil for a new one.
func (s *Services) assign(ctx context.Context, svc, was *corev1.Service, dryRun bool) (genericregistry.FinishFunc, error) {
	if before := s.tries.forget(ctx); before != nil {
		release(ctx, before.taken)
	}
	syncAddresses(svc, was)
	if err := s.chooseFamilies(svc, was); err != nil {
		return nil, err
	}
	op := s.begin(dryRun)
	err := op.takeAddresses(ctx, svc, was)
	if err == nil {
		err = op.takePorts(ctx, svc, was)
	}
	if err != nil {
		op.finish(ctx, false)
		return nil, err
	}
	if was != nil {
		op.giveUp(was, svc)
	}
	return func(end context.Context, success bool) {
		if success {
			s.tries.remember(ctx, op)
		}
		op.finish(end, success)
	}, nil
}

// invalid is the refusal of a Service.
func invalid(svc *corev1.Service, errs ...*field.Error) error {
	return apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("Service").GroupKind(), svc.Name, errs)
}

// specPath is where the fields are.
func specPath(name string, more ...string) *field.Path {
	return field.NewPath("spec").Child(name, more...)
}

// hasAddress tells that a Service has addresses, or that none is its wish.
func hasAddress(svc *corev1.Service) bool { return svc.Spec.Type != corev1.ServiceTypeExternalName }

// hasPorts tells that a Service may have node ports.
func hasPorts(svc *corev1.Service) bool {
	return svc.Spec.Type == corev1.ServiceTypeNodePort || svc.Spec.Type == corev1.ServiceTypeLoadBalancer
}

// wantsPorts tells that a Service gets node ports without asking for each.
func wantsPorts(svc *corev1.Service) bool {
	if svc.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return hasPorts(svc)
	}
	allocate := svc.Spec.AllocateLoadBalancerNodePorts
	return allocate == nil || *allocate
}

// hasHealthCheck tells that a load balancer is to ask each node whether it has pods of the Service.
func hasHealthCheck(svc *corev1.Service) bool {
	return svc.Spec.Type == corev1.ServiceTypeLoadBalancer && svc.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
}

// headless tells that a Service wants no address.
func headless(svc *corev1.Service) bool { return svc.Spec.ClusterIP == corev1.ClusterIPNone }
