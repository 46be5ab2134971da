package simulation

import (
	"context"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/robustness"
)

// grant grants a lease and, when that is answered, puts a key with it.
func (c *clients) grant(m *member, d Demand) {
	id, life := int64(d.Number), m.life
	g := &granted{id: id, key: fmt.Sprint("lease", id), ttl: time.Duration(2+d.Amount%8) * time.Second}
	op := robustness.Operation{Kind: robustness.Put, Key: g.key, Value: fmt.Sprint("v", d.Number)}
	c.leases = append(c.leases, g)
	asked := c.w.now()
	c.do(func(ctx context.Context) {
		_, err := propose[*pb.LeaseGrantResponse](ctx, m, d, &pb.InternalRaftRequest{
			LeaseGrant: &pb.LeaseGrantRequest{ID: id, TTL: int64(g.ttl / time.Second)}})
		if err != nil {
			return
		}
		var rec *robustness.Operation
		c.answered(m, life, nil, func() {
			g.renewed = asked
			rec = c.begin(op)
		})
		if rec == nil {
			return
		}
		resp, err := propose[*pb.PutResponse](ctx, m, d, &pb.InternalRaftRequest{
			Put: &pb.PutRequest{Key: []byte(g.key), Value: []byte(op.Value), Lease: id}})
		c.answered(m, life, err, func() {
			rec.Known, rec.Return, rec.Answer.Revision = true, c.w.now(), resp.Header.GetRevision()
		})
	})
}

// keepAlive renews a lease of those that were granted.
func (c *clients) keepAlive(m *member, d Demand) {
	if len(c.leases) == 0 {
		return
	}
	g, life := c.leases[len(c.leases)-1-d.Amount%min(4, len(c.leases))], m.life
	asked := c.w.now()
	c.do(func(ctx context.Context) {
		_, err := m.lessor.KeepAlive(ctx, g.id)
		c.answered(m, life, err, func() { g.renewed = max(g.renewed, asked) })
	})
}
