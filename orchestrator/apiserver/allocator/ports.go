package allocator

import (
	"context"
	"errors"
	"fmt"

	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// ErrPortTaken is when a node port belongs to another Service.
var ErrPortTaken = errors.New("provided port is already allocated")

// Ports gives out the node ports of a range.
type Ports struct {
	table *table
	ports utilnet.PortRange
}

// NewPorts returns the ports of a range, of which the store keeps what is taken.
func NewPorts(ports utilnet.PortRange, store Store) (*Ports, error) {
	if ports.Size < 1 {
		return nil, errors.New("allocator: no range of node ports")
	}
	return &Ports{
		table: &table{store: store, spec: ports.String(), size: ports.Size, low: split(ports.Size, 16, 128, 32)},
		ports: ports,
	}, nil
}

// DryRun returns what gives out the same ports without taking them. It is for one request.
func (p *Ports) DryRun() *Ports { return &Ports{table: p.table.dryRun(), ports: p.ports} }

// Allocate takes a port.
func (p *Ports) Allocate(ctx context.Context, port int) error {
	if !p.ports.Contains(port) {
		return OutsideError(fmt.Sprintf("provided port is not in the valid range. The range of valid ports is %v", p.ports))
	}
	err := p.table.allocate(ctx, port-p.ports.Base)
	if errors.Is(err, errTaken) {
		return ErrPortTaken
	}
	return err
}

// AllocateNext takes any port, of the upper part of the range while it has one: the lower part is for those who choose.
func (p *Ports) AllocateNext(ctx context.Context) (int, error) {
	offset, err := p.table.allocateNext(ctx)
	if err != nil {
		return 0, err
	}
	return p.ports.Base + offset, nil
}

// Release gives a port back. One that isn't of the range is nobody's, as after the range was changed.
func (p *Ports) Release(ctx context.Context, port int) error {
	if !p.ports.Contains(port) {
		return nil
	}
	return p.table.release(ctx, port-p.ports.Base)
}

// Has tells whether a port is taken.
func (p *Ports) Has(ctx context.Context, port int) (bool, error) {
	if !p.ports.Contains(port) {
		return false, nil
	}
	return p.table.has(ctx, port-p.ports.Base)
}

// Free is how many ports are left.
func (p *Ports) Free(ctx context.Context) (int, error) { return p.table.free(ctx) }

// Repair makes what is taken agree with the ports that Services have. What isn't of the range is passed over.
func (p *Ports) Repair(ctx context.Context, list func(context.Context) ([]int, error)) error {
	return p.table.repair(ctx, func(ctx context.Context) (offsets []int, err error) {
		ports, err := list(ctx)
		for _, port := range ports {
			if p.ports.Contains(port) {
				offsets = append(offsets, port-p.ports.Base)
			}
		}
		return offsets, err
	})
}
