package apiserver

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/apiserver/allocator"
	"github.com/petcd/petcd/orchestrator/apiserver/services"
)

// rangesPrefix is where it is kept which addresses and ports are taken.
const rangesPrefix = "/ranges/"

// services gives out addresses and ports of the ranges of the flags. What is wrong with these its parts know, so it is also how they
// are validated.
func (o *Options) services(raw storage.Interface) (*services.Services, error) {
	ports, err := allocator.NewPorts(o.NodePorts, allocator.NewStore(raw, allocator.PortsKey))
	if err != nil {
		return nil, fmt.Errorf("--service-node-port-range: %w", err)
	}
	var ips []*allocator.IPs
	for i, prefix := range o.ServiceRanges {
		key := allocator.IPsKey
		if i > 0 {
			key = allocator.SecondaryIPsKey
		}
		a, err := allocator.NewIPs(prefix, allocator.NewStore(raw, key))
		if err != nil {
			return nil, fmt.Errorf("--service-cluster-ip-range: %w", err)
		}
		ips = append(ips, a)
	}
	assign, err := services.New(ports, ips...)
	if err != nil {
		return nil, fmt.Errorf("--service-cluster-ip-range: %w", err)
	}
	return assign, nil
}

// assignServices lets Services have addresses and ports of the cluster's ranges.
func (b *builder) assignServices(server *genericapiserver.GenericAPIServer, of stores) error {
	raw, err := b.raw(server, "services", rangesPrefix,
		func() runtime.Object { return &corev1.RangeAllocation{} }, func() runtime.Object { return &runtime.Unknown{} })
	if err != nil {
		return err
	}
	assign, err := b.options.services(raw)
	if err != nil {
		return err
	}
	store := of["services"]
	store.BeginCreate, store.BeginUpdate, store.AfterDelete = assign.BeginCreate, assign.BeginUpdate, assign.AfterDelete
	server.AddPostStartHookOrDie("repair-service-ranges", func(c genericapiserver.PostStartHookContext) error {
		err := wait.PollUntilContextTimeout(c, time.Second, bootstrapPatience, true, func(ctx context.Context) (bool, error) {
			err := assign.Repair(ctx, b.client)
			if err != nil {
				klog.FromContext(ctx).Info("The ranges of Services could not be read yet", "err", err)
			}
			return err == nil, nil
		})
		go assign.KeepRepaired(c, b.client)
		return err
	})
	return nil
}
