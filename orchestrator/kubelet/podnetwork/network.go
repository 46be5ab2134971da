package podnetwork

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/component-helpers/node/util/sysctl"
	"k8s.io/klog/v2"

	"github.com/vishvananda/netlink"
)

// Options say for which node the network is made, and how.
type Options struct {
	NodeName string
	Nodes    coreinformers.NodeInformer // of all nodes; whoever made it starts it

	CNIConfDir string // where the runtime reads how pods get their network; "": another way than CNI is used
	CNIDataDir string // where host-local remembers which addresses are in use; "" for its default
	Bridge     string // that pods are connected to; "" for cni0
	Masquerade bool   // whether pods' packets to addresses outside of the cluster get the node's address
}

// Network keeps a node's part of the pod network.
type Network struct {
	o       Options
	changed chan struct{} // holds one when nodes have changed since the last pass
	sysctl  sysctl.Interface
	written *written // nil before the first pass
}

const (
	// resync is how often all is looked at without any sign of a change: links that go down take their routes along silently.
	resync = 30 * time.Second
	// retry is how soon a pass that failed is tried again. What it waits for is most often an interface that is not up yet.
	retry = 2 * time.Second
	// settle is the least time between two passes, so that a quarrel with somebody who removes our routes costs little.
	settle = 200 * time.Millisecond
)

// New returns the network of a node. It watches the nodes from now on, and does nothing until Run.
func New(o Options) (*Network, error) {
	if o.NodeName == "" || o.Nodes == nil {
		return nil, errors.New("podnetwork: the node's name and an informer of nodes are needed")
	}
	if o.Bridge == "" {
		o.Bridge = "cni0"
	}
	n := &Network{o: o, changed: make(chan struct{}, 1), sysctl: sysctl.New()}
	_, err := o.Nodes.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { n.wake() }, DeleteFunc: func(any) { n.wake() },
		UpdateFunc: func(old, now any) {
			if was, ok := old.(*v1.Node); ok {
				if is, ok := now.(*v1.Node); ok && sameNetwork(was, is) {
					return
				}
			}
			n.wake()
		},
	})
	if err != nil {
		return nil, fmt.Errorf("podnetwork: watch nodes: %w", err)
	}
	return n, nil
}

func (n *Network) wake() {
	select {
	case n.changed <- struct{}{}:
	default:
	}
}

// sameNetwork tells that nothing changed that the network is made of; most updates of nodes are heartbeats.
func sameNetwork(a, b *v1.Node) bool {
	return a.Spec.PodCIDR == b.Spec.PodCIDR && slices.Equal(a.Spec.PodCIDRs, b.Spec.PodCIDRs) &&
		slices.Equal(a.Status.Addresses, b.Status.Addresses)
}

// Run keeps the network right until ctx ends. It and what it calls stay on one goroutine: a test gives that a network namespace.
func (n *Network) Run(ctx context.Context) {
	log := klog.FromContext(ctx).WithName("podnetwork")
	if !cache.WaitForCacheSync(ctx.Done(), n.o.Nodes.Informer().HasSynced) {
		return
	}
	var routes <-chan netlink.RouteUpdate
	done := make(chan struct{})
	defer func() {
		close(done)
		if routes == nil {
			return
		}
		for range routes { // until it is closed: whoever sends must not wait for ever
		}
	}()
	for said := ""; ; {
		if routes == nil {
			var err error
			routes, err = watchRoutes(done)
			if err != nil {
				log.Error(err, "Cannot watch routes; they are looked at from time to time", "every", resync)
			}
		}
		again := resync
		err := n.pass(ctx)
		switch {
		case err == nil:
			said = ""
		case ctx.Err() != nil:
			return
		default:
			again = retry
			if said != err.Error() { // once is enough
				said = err.Error()
				log.Error(err, "The pod network is not as it should be")
			}
		}
		if routes = n.wait(ctx, again, routes); ctx.Err() != nil {
			return
		}
	}
}

// wait returns when it is time for another pass: nodes or routes have changed, or so much time has passed. It returns the channel
// of changes of routes, nil if that has ended.
func (n *Network) wait(ctx context.Context, most time.Duration, routes <-chan netlink.RouteUpdate) <-chan netlink.RouteUpdate {
	late := time.After(most)
	soon := time.After(settle)
	var due <-chan time.Time // set when something has changed
	for {
		select {
		case <-ctx.Done():
			return routes
		case <-late:
			return routes
		case <-due:
			return routes
		case <-n.changed:
			due = soon
		case _, ok := <-routes:
			if !ok {
				return nil // events were lost: whoever watches anew has to look at all, too
			}
			due = soon
		}
	}
}

// pass makes all right that is not. One part that fails does not keep the others from being tried.
func (n *Network) pass(ctx context.Context) error {
	nodes, err := n.o.Nodes.Lister().List(labels.Everything())
	if err != nil {
		return fmt.Errorf("nodes: %w", err)
	}
	p := newPlan(n.o.NodeName, nodes)
	errs := append(p.refused, n.syncRoutes(p))
	if len(p.own) == 0 {
		return errors.Join(errs...) // it will be told when this node has its range
	}
	errs = append(errs, n.setForwarding(p), n.writeMasquerade(ctx, p))
	if n.o.CNIConfDir != "" {
		errs = append(errs, n.writeCNI(p))
	}
	return errors.Join(errs...)
}
