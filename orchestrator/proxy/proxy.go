package proxy

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"github.com/petcd/petcd/orchestrator/proxy/model"
)

// Backend holds the rules of one address family in the kernel.
type Backend interface {
	// Sync makes the kernel hold the Services' ports as changed says, beside those of earlier calls, also of calls that failed. A site
	// that isn't the last call's comes with all Services.
	Sync(ctx context.Context, site model.Site, changed map[types.NamespacedName][]model.Port) error
	// Check finds out whether the kernel still holds what the last sync wrote.
	Check(ctx context.Context) error
	// Known tells whether it is believed to; if not the next sync repairs it, whatever it is given.
	Known() bool
	// Cleanup removes all rules.
	Cleanup(ctx context.Context) error
}

// Flows are the connections that the kernel tracks.
type Flows interface {
	// End ends UDP flows to places that lead elsewhere than is said for the place. The zero address stands for the node's own ones.
	End(family v1.IPFamily, leads map[netip.AddrPort][]netip.AddrPort) error
}

// Reporter is told how it goes.
type Reporter interface {
	Pending()                  // something has changed, and isn't in the rules yet
	Synced(took time.Duration) // all that was pending is in the rules
	Failed(took time.Duration) // it isn't
	Node(node *v1.Node)        // this node, as it is now; nil if it isn't registered
	HealthChecks(all map[types.NamespacedName]HealthCheck)
}

// HealthCheck is what a load balancer may ask this node about a Service.
type HealthCheck struct {
	Port           uint16 // where it asks
	LocalEndpoints int    // how many ready endpoints are on this node
}

// Options are what a Proxy needs.
type Options struct {
	Client   kubernetes.Interface
	NodeName string
	Backends map[v1.IPFamily]Backend
	Sites    SiteOptions
	Flows    Flows    // nil: flows are left alone
	Reporter Reporter // nil: nobody is told

	MinSyncPeriod time.Duration // between two syncs, save after a pause
	SyncPeriod    time.Duration // between two checks of the rules
	Resync        time.Duration // of informers
	Clock         clock.Clock
}

// Proxy keeps a node's rules.
type Proxy struct {
	Options
	services, slices, node cache.SharedIndexInformer

	mu      sync.Mutex
	touched sets.Set[types.NamespacedName] // Services that may have changed since the last sync
	wake    chan struct{}

	// Of the last sync that succeeded; Run's goroutine alone has them.
	around surroundings
	udp    map[v1.IPFamily]map[types.NamespacedName][]netip.AddrPort // where UDP is answered
	checks map[types.NamespacedName]HealthCheck
}

// New returns a proxy that does nothing until it is Run.
func New(o Options) (*Proxy, error) {
	p := &Proxy{
		Options: o, touched: sets.New[types.NamespacedName](), wake: make(chan struct{}, 1),
		udp: map[v1.IPFamily]map[types.NamespacedName][]netip.AddrPort{}, checks: map[types.NamespacedName]HealthCheck{},
	}
	if p.Clock == nil {
		p.Clock = clock.RealClock{}
	}
	if p.Reporter == nil {
		p.Reporter = nobody{}
	}
	for family := range o.Backends {
		p.udp[family] = map[types.NamespacedName][]netip.AddrPort{}
	}
	if err := p.watch(); err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	return p, nil
}

// nobody is a Reporter that isn't interested.
type nobody struct{}

func (nobody) Pending()                                          {}
func (nobody) Synced(time.Duration)                              {}
func (nobody) Failed(time.Duration)                              {}
func (nobody) Node(*v1.Node)                                     {}
func (nobody) HealthChecks(map[types.NamespacedName]HealthCheck) {}
