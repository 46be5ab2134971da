package nodelifecycle

import (
	"context"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/controller"
)

// Options are the flags of kube-controller-manager that are about nodes. What is zero is upstream's default, but for the rates,
// where zero means never, and the size of a large cluster.
type Options struct {
	MonitorPeriod      time.Duration // --node-monitor-period: how often nodes are looked at
	MonitorGracePeriod time.Duration // --node-monitor-grace-period: how long without a heartbeat
	StartupGracePeriod time.Duration // --node-startup-grace-period: the same for a node that never had one

	EvictionRate              float32 // --node-eviction-rate: nodes a second and zone
	SecondaryEvictionRate     float32 // --secondary-node-eviction-rate: the same in a zone that is unhealthy
	UnhealthyZoneThreshold    float32 // --unhealthy-zone-threshold: which part of a zone's nodes must fail for it to be so
	LargeClusterSizeThreshold int     // --large-cluster-size-threshold: an unhealthy zone of no more nodes evicts nothing
}

// Defaults are the values of the flags when they are not given.
func Defaults() Options {
	return Options{
		MonitorPeriod: 5 * time.Second, MonitorGracePeriod: 40 * time.Second, StartupGracePeriod: time.Minute,
		EvictionRate: 0.1, SecondaryEvictionRate: 0.01, UnhealthyZoneThreshold: 0.55, LargeClusterSizeThreshold: 50,
	}
}

// withDefaults fills in what has to be more than zero.
func (o Options) withDefaults() Options {
	d := Defaults()
	if o.MonitorPeriod <= 0 {
		o.MonitorPeriod = d.MonitorPeriod
	}
	if o.MonitorGracePeriod <= 0 {
		o.MonitorGracePeriod = d.MonitorGracePeriod
	}
	if o.StartupGracePeriod <= 0 {
		o.StartupGracePeriod = d.StartupGracePeriod
	}
	if o.UnhealthyZoneThreshold <= 0 {
		o.UnhealthyZoneThreshold = d.UnhealthyZoneThreshold
	}
	return o
}

// evictionTick is how often the zones are asked whether another node may be tainted NoExecute.
const evictionTick = 100 * time.Millisecond

// runner runs the monitor's passes.
type runner struct {
	*monitor
	synced []cache.InformerSynced
}

// New returns the node controller.
func New(env *controller.Env, o Options) controller.Runner {
	pods := newMarker(env)
	m := newMonitor(env, o.withDefaults(), pods.mark)
	core := env.Informers.Core().V1()
	watch := &runner{monitor: m, synced: []cache.InformerSynced{
		core.Nodes().Informer().HasSynced, core.Pods().Informer().HasSynced,
		env.Informers.Coordination().V1().Leases().Informer().HasSynced,
	}}
	return controller.Runners{watch, pods.loop, newTainter(env)}
}

// Run implements controller.Runner.
func (r *runner) Run(ctx context.Context) {
	if !cache.WaitForCacheSync(ctx.Done(), r.synced...) {
		return
	}
	look, evict := r.clock.NewTicker(r.opts.MonitorPeriod), r.clock.NewTicker(evictionTick)
	defer look.Stop()
	defer evict.Stop()
	r.logged(ctx, r.pass(ctx))
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C():
			r.logged(ctx, r.pass(ctx))
		case <-evict.C():
			r.logged(ctx, r.evict(ctx))
		}
	}
}

// logged notes an error. The next pass tries again.
func (r *runner) logged(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		klog.FromContext(ctx).Error(err, "Pass over the nodes failed in part", "controller", "node-lifecycle-controller")
	}
}

// newTainter returns the loop that keeps NoSchedule taints as the conditions are.
func newTainter(env *controller.Env) *controller.Loop {
	nodes := env.Informers.Core().V1().Nodes()
	t := &tainter{client: env.Client, nodes: nodes.Lister(), clock: env.Clock}
	loop := controller.NewLoop("node-lifecycle-controller", 4, t.sync, nodes.Informer().HasSynced)
	controller.On[*v1.Node]{
		Add:    func(n *v1.Node) { loop.Enqueue(n) },
		Update: func(_, n *v1.Node) { loop.Enqueue(n) },
	}.Watch(nodes.Informer())
	return loop
}
