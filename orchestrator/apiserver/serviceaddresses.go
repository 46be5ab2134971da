package apiserver

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/apiserver/allocator"
	"github.com/petcd/petcd/orchestrator/apiserver/services"
)

// rangesPrefix is where it is kept which addresses and ports are taken.
const rangesPrefix = "/ranges/"

// assignServices lets Services have addresses and ports of the cluster's ranges.
func (b *builder) assignServices(server *genericapiserver.GenericAPIServer, of stores) error {
	raw, err := b.raw(server, "services", rangesPrefix,
		func() runtime.Object { return &corev1.RangeAllocation{} }, func() runtime.Object { return &runtime.Unknown{} })
	if err != nil {
		return err
	}
	ports, err := utilnet.ParsePortRange(b.options.NodePorts)
	if err != nil {
		return fmt.Errorf("--service-node-port-range: %w", err)
	}
	nodePorts, err := allocator.NewPorts(*ports, allocator.NewStore(raw, allocator.PortsKey))
	if err != nil {
		return fmt.Errorf("--service-node-port-range: %w", err)
	}
	var ips []*allocator.IPs
	for i, text := range b.options.ServiceCIDRs {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("--service-cluster-ip-range: %w", err)
		}
		key := allocator.IPsKey
		if i > 0 {
			key = allocator.SecondaryIPsKey
		}
		a, err := allocator.NewIPs(prefix, allocator.NewStore(raw, key))
		if err != nil {
			return fmt.Errorf("--service-cluster-ip-range: %w", err)
		}
		ips = append(ips, a)
	}
	assign, err := services.New(nodePorts, ips...)
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
