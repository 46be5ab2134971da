package services

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
)

// RepairInterval is how often what is taken is compared with the Services that there are.
const RepairInterval = 3 * time.Minute

// Repair makes what is taken agree with the Services that there are. It also makes the stored ranges those of the flags: before it
// has, nothing is given out of a range that was changed. So a server is not ready until it has succeeded once.
func (s *Services) Repair(ctx context.Context, client kubernetes.Interface) error {
	var errs []error
	for family, a := range s.ips {
		err := a.Repair(ctx, func(ctx context.Context) (ips []netip.Addr, err error) {
			err = each(ctx, client, func(svc *corev1.Service) { ips = append(ips, addresses(svc)...) })
			return ips, err
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("services: repair of the addresses of %s: %w", family, err))
		}
	}
	err := s.ports.Repair(ctx, func(ctx context.Context) (ports []int, err error) {
		err = each(ctx, client, func(svc *corev1.Service) { ports = append(ports, nodePorts(svc)...) })
		return ports, err
	})
	if err != nil {
		errs = append(errs, fmt.Errorf("services: repair of the node ports: %w", err))
	}
	return errors.Join(errs...)
}

// KeepRepaired repairs until ctx ends.
func (s *Services) KeepRepaired(ctx context.Context, client kubernetes.Interface) {
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		if err := s.Repair(ctx, client); err != nil {
			runtime.HandleErrorWithContext(ctx, err, "Repair failed")
		}
	}, RepairInterval)
}

// each calls f with every Service as it is now, not as a cache has it.
func each(ctx context.Context, client kubernetes.Interface, f func(*corev1.Service)) error {
	list, err := client.CoreV1().Services(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range list.Items {
		f(&list.Items[i])
	}
	return nil
}
