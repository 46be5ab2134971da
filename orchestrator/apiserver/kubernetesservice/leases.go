package kubernetesservice

import (
	"context"
	"fmt"
	"path"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/storage"
)

// LeasePrefix is where leases lie, below the apiserver's prefix; leaseSeconds is how long one lasts. Both are upstream's.
const (
	LeasePrefix  = "/masterleases/"
	leaseSeconds = 15
)

// leases are the addresses of the apiservers that serve.
type leases struct{ storage storage.Interface }

// renew keeps the lease of one.
func (l leases) renew(ctx context.Context, ip string) error {
	ttl := uint64(leaseSeconds)
	err := l.storage.GuaranteedUpdate(ctx, path.Join(LeasePrefix, ip), &corev1.Endpoints{}, true, nil,
		func(obj runtime.Object, _ storage.ResponseMeta) (runtime.Object, *uint64, error) {
			lease := obj.(*corev1.Endpoints)
			lease.Subsets = []corev1.EndpointSubset{{Addresses: []corev1.EndpointAddress{{IP: ip}}}}
			lease.Generation++ // or nothing would be written, and the time to live not renewed
			return lease, &ttl, nil
		}, nil)
	if err != nil {
		return fmt.Errorf("renew the apiserver's lease: %w", err)
	}
	return nil
}

// remove ends the lease of one, so that nobody is sent there.
func (l leases) remove(ctx context.Context, ip string) error {
	err := l.storage.Delete(ctx, path.Join(LeasePrefix, ip), &corev1.Endpoints{}, nil, storage.ValidateAllObjectFunc, nil, storage.DeleteOptions{})
	if err != nil && !storage.IsNotFound(err) {
		return fmt.Errorf("end the apiserver's lease: %w", err)
	}
	return nil
}

// list returns all addresses, in order.
func (l leases) list(ctx context.Context) ([]string, error) {
	list := &corev1.EndpointsList{}
	err := l.storage.GetList(ctx, LeasePrefix, storage.ListOptions{
		ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan, Predicate: storage.Everything, Recursive: true,
	}, list)
	if err != nil {
		return nil, fmt.Errorf("list the apiservers' leases: %w", err)
	}
	var ips []string
	for i := range list.Items {
		for _, subset := range list.Items[i].Subsets {
			for _, address := range subset.Addresses {
				ips = append(ips, address.IP)
			}
		}
	}
	slices.Sort(ips)
	return slices.Compact(ips), nil
}
