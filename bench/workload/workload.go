package workload

import (
	"context"

	"google.golang.org/grpc"

	"github.com/petcd/petcd/bench/driver"
	"github.com/petcd/petcd/bench/measure"
)

// Conn is the part of a gRPC connection that requests need.
type Conn = grpc.ClientConnInterface

// Workload is one kind of operation.
type Workload interface {
	// Prepare puts into the store what the operations need.
	Prepare(ctx context.Context, conns []Conn) error
	// Clients makes count clients that share the connections evenly. What they hold open on the
	// server ends with ctx.
	Clients(ctx context.Context, conns []Conn, count int) ([]driver.Client, error)
}

// Storing is a Workload that says how many bytes of keys and values one operation stores.
type Storing interface {
	Stored() int
}

// Watching is a Workload whose operations cause events.
type Watching interface {
	// Units is how many events one operation causes.
	Units() int
	// Details are the latencies of events, by name.
	Details() map[string]measure.Percentiles
	// Surplus is how many events came that nobody waited for.
	Surplus() int64
}

// Data is what all workloads are made from.
type Data struct {
	Keys   Keys
	Values Values
}

// PairSize is what one key takes with its value.
func (d Data) PairSize() int { return d.Keys.Size + d.Values.Size }

// Validate returns ErrParameters for sizes that cannot be.
func (d Data) Validate() error {
	if err := d.Keys.validate(); err != nil {
		return err
	}
	return d.Values.validate()
}

// each makes count clients by make, client i on connection i modulo their number.
func each(conns []Conn, count int, make func(i int, conn Conn) (driver.Client, error)) ([]driver.Client, error) {
	clients := []driver.Client{}
	for i := range count {
		c, err := make(i, conns[i%len(conns)])
		if err != nil {
			return nil, err
		}
		clients = append(clients, c)
	}
	return clients, nil
}

// mix is the finaliser of splitmix64: a bijection whose outputs pass for random.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
