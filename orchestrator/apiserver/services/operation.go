package services

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"

	"github.com/petcd/petcd/orchestrator/apiserver/allocator"
)

// operation is what one request takes, and what it gives back at its end.
type operation struct {
	ips   map[corev1.IPFamily]*allocator.IPs
	ports *allocator.Ports
	// taken is given back if the request fails, surplus if it succeeds.
	taken, surplus []giveBack
	done           bool
}

// giveBack releases one thing.
type giveBack func(ctx context.Context) error

// begin has an operation that takes nothing really if it is a dry run.
func (s *Services) begin(dryRun bool) *operation {
	if !dryRun {
		return &operation{ips: s.ips, ports: s.ports}
	}
	op := &operation{ips: map[corev1.IPFamily]*allocator.IPs{}, ports: s.ports.DryRun()}
	for family, a := range s.ips {
		op.ips[family] = a.DryRun()
	}
	return op
}

// finish is a genericregistry.FinishFunc. It counts once.
func (o *operation) finish(ctx context.Context, success bool) {
	switch {
	case o.done:
	case success:
		release(ctx, o.surplus)
	default:
		release(ctx, o.taken)
	}
	o.done = true
}

// release gives things back, though the request may have failed by its end. What can't be given back now Repair will find.
func release(ctx context.Context, things []giveBack) {
	for _, thing := range things {
		if err := thing(context.WithoutCancel(ctx)); err != nil {
			runtime.HandleErrorWithContext(ctx, err, "Release for a Service failed")
		}
	}
}

// takeAddresses takes an address of each family, those that were asked for or any.
func (o *operation) takeAddresses(ctx context.Context, svc, was *corev1.Service) error {
	if !hasAddress(svc) || headless(svc) {
		return nil
	}
	var has []string
	if was != nil {
		has = was.Spec.ClusterIPs
	}
	spec := &svc.Spec
	ips := slices.Clone(spec.ClusterIPs)
	for i, family := range spec.IPFamilies {
		if i < len(ips) && slices.Contains(has, ips[i]) {
			continue
		}
		a := o.ips[family]
		if a == nil {
			return invalid(svc, field.Invalid(specPath("ipFamilies").Index(i), family, "not configured on this cluster"))
		}
		if i < len(ips) {
			if err := o.takeAddress(ctx, a, svc, ips[i]); err != nil {
				return err
			}
			continue
		}
		ip, err := a.AllocateNext(ctx)
		if err != nil {
			return apierrors.NewInternalError(fmt.Errorf("failed to allocate a serviceIP: %w", err))
		}
		o.taken = append(o.taken, func(ctx context.Context) error { return a.Release(ctx, ip) })
		ips = append(ips, ip.String())
	}
	if len(ips) > 0 {
		spec.ClusterIP, spec.ClusterIPs = ips[0], ips
	}
	return nil
}

// takeAddress takes the address that was asked for.
func (o *operation) takeAddress(ctx context.Context, a *allocator.IPs, svc *corev1.Service, text string) error {
	ip := parse(text)
	if err := a.Allocate(ctx, ip); err != nil {
		err = fmt.Errorf("failed to allocate IP %v: %w", text, err)
		if !allocator.Refused(err) {
			return apierrors.NewInternalError(err)
		}
		return invalid(svc, field.Invalid(specPath("clusterIPs"), svc.Spec.ClusterIPs, err.Error()))
	}
	o.taken = append(o.taken, func(ctx context.Context) error { return a.Release(ctx, ip) })
	return nil
}

// takePorts takes the node ports that were asked for, then any for the rest, which so is not in their way.
func (o *operation) takePorts(ctx context.Context, svc, was *corev1.Service) error {
	shared, err := o.takeAsked(ctx, svc, was)
	if err != nil {
		return err
	}
	if wantsPorts(svc) {
		if err := o.takeRest(ctx, svc, shared); err != nil {
			return err
		}
	}
	if hasHealthCheck(svc) && svc.Spec.HealthCheckNodePort == 0 {
		port, err := o.takeAnyPort(ctx)
		if err != nil {
			return apierrors.NewInternalError(fmt.Errorf("failed to allocate a HealthCheck NodePort: %w", err))
		}
		svc.Spec.HealthCheckNodePort = port
	}
	return nil
}

// takeAsked returns which node port each port has now, by the port's number.
func (o *operation) takeAsked(ctx context.Context, svc, was *corev1.Service) (shared map[int32]int32, err error) {
	shared, has := map[int32]int32{}, map[int]bool{}
	if was != nil {
		for _, port := range nodePorts(was) {
			has[port] = true
		}
	}
	for i, p := range svc.Spec.Ports {
		if p.NodePort == 0 || !hasPorts(svc) {
			continue
		}
		shared[p.Port] = p.NodePort
		if has[int(p.NodePort)] {
			continue
		}
		has[int(p.NodePort)] = true
		switch err := o.takePort(ctx, p.NodePort); {
		case allocator.Refused(err):
			return nil, invalid(svc, field.Invalid(specPath("ports").Index(i).Child("nodePort"), p.NodePort, err.Error()))
		case err != nil:
			return nil, apierrors.NewInternalError(fmt.Errorf("failed to allocate nodePort %d: %w", p.NodePort, err))
		}
	}
	return shared, o.takeHealthCheck(ctx, svc, was)
}

// takeRest gives ports of one number and different protocols the same node port.
func (o *operation) takeRest(ctx context.Context, svc *corev1.Service, shared map[int32]int32) error {
	for i := range svc.Spec.Ports {
		p := &svc.Spec.Ports[i]
		if p.NodePort != 0 {
			continue
		}
		if shared[p.Port] == 0 {
			port, err := o.takeAnyPort(ctx)
			if err != nil {
				return apierrors.NewInternalError(fmt.Errorf("failed to allocate a nodePort: %w", err))
			}
			shared[p.Port] = port
		}
		p.NodePort = shared[p.Port]
	}
	return nil
}

// takeHealthCheck takes the port of health checks if it was asked for.
func (o *operation) takeHealthCheck(ctx context.Context, svc, was *corev1.Service) error {
	asked := svc.Spec.HealthCheckNodePort
	if !hasHealthCheck(svc) || asked == 0 || (was != nil && was.Spec.HealthCheckNodePort == asked) {
		return nil
	}
	if err := o.takePort(ctx, asked); err != nil {
		return apierrors.NewInternalError(fmt.Errorf("failed to allocate requested HealthCheck NodePort %v: %w", asked, err))
	}
	return nil
}

// takePort takes the port that was asked for.
func (o *operation) takePort(ctx context.Context, port int32) error {
	if err := o.ports.Allocate(ctx, int(port)); err != nil {
		return err
	}
	o.taken = append(o.taken, func(ctx context.Context) error { return o.ports.Release(ctx, int(port)) })
	return nil
}

// takeAnyPort takes whichever there is.
func (o *operation) takeAnyPort(ctx context.Context) (int32, error) {
	port, err := o.ports.AllocateNext(ctx)
	if err != nil {
		return 0, err
	}
	o.taken = append(o.taken, func(ctx context.Context) error { return o.ports.Release(ctx, port) })
	return int32(port), nil
}

// giveUp remembers what was has and is has not.
func (o *operation) giveUp(was, is *corev1.Service) {
	kept := addresses(is)
	for _, ip := range addresses(was) {
		if slices.Contains(kept, ip) {
			continue
		}
		for _, a := range o.ips {
			o.surplus = append(o.surplus, func(ctx context.Context) error { return a.Release(ctx, ip) })
		}
	}
	keptPorts := nodePorts(is)
	for _, port := range nodePorts(was) {
		if !slices.Contains(keptPorts, port) {
			o.surplus = append(o.surplus, func(ctx context.Context) error { return o.ports.Release(ctx, port) })
		}
	}
}

// addresses are those that a Service has.
func addresses(svc *corev1.Service) (ips []netip.Addr) {
	for _, text := range svc.Spec.ClusterIPs {
		if ip := parse(text); ip.IsValid() {
			ips = append(ips, ip)
		}
	}
	return ips
}

// parse reads an address as old Services may have it, with zeros before a number. What is none has no valid result.
func parse(text string) netip.Addr {
	ip, _ := netip.AddrFromSlice(netutils.ParseIPSloppy(text))
	return ip.Unmap()
}

// nodePorts are those that a Service has, each once.
func nodePorts(svc *corev1.Service) (ports []int) {
	for _, p := range svc.Spec.Ports {
		if p.NodePort != 0 {
			ports = append(ports, int(p.NodePort))
		}
	}
	if port := svc.Spec.HealthCheckNodePort; port != 0 {
		ports = append(ports, int(port))
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}
