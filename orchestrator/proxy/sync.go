package proxy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"

	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/tools/cache"

	"github.com/petcd/petcd/orchestrator/proxy/model"
)

// surroundings are what all Services' rules depend on.
type surroundings struct {
	place model.Node
	sites map[v1.IPFamily]model.Site
}

// sync makes the rules hold what the informers know now.
func (p *Proxy) sync(ctx context.Context) error {
	node := p.self()
	p.Reporter.Node(node)
	touched := p.take()
	around, err := p.surroundings(node)
	if err != nil {
		p.giveBack(touched)
		return err
	}
	if !reflect.DeepEqual(around, p.around) { // as before the first sync
		for _, key := range p.services.GetStore().ListKeys() {
			if namespace, name, err := cache.SplitMetaNamespaceKey(key); err == nil {
				touched.Insert(types.NamespacedName{Namespace: namespace, Name: name})
			}
		}
	}
	var errs []error
	for family := range p.Backends {
		if err := p.syncFamily(ctx, family, around, touched); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", family, err))
		}
	}
	if len(errs) > 0 {
		p.giveBack(touched)
		return errors.Join(errs...)
	}
	p.around = around
	p.askAbout(touched)
	return nil
}

// surroundings are those that the node, if it is registered, says now.
func (p *Proxy) surroundings(node *v1.Node) (surroundings, error) {
	s := surroundings{place: model.Node{Name: p.NodeName}, sites: map[v1.IPFamily]model.Site{}}
	if node != nil {
		s.place.Zone, s.place.IPs = node.Labels[v1.LabelTopologyZone], nodeIPs(node)
	}
	for family := range p.Backends {
		site, err := p.Sites.site(family, node)
		if err != nil {
			return s, fmt.Errorf("%s: %w", family, err)
		}
		s.sites[family] = site
	}
	return s, nil
}

// self is this node, if it is registered.
func (p *Proxy) self() *v1.Node {
	object, _, _ := p.node.GetStore().GetByKey(p.NodeName)
	node, _ := object.(*v1.Node)
	return node
}

// syncFamily makes one family's rules hold, and then ends flows that follow older ones.
func (p *Proxy) syncFamily(ctx context.Context, family v1.IPFamily, around surroundings, touched sets.Set[types.NamespacedName]) error {
	changed := make(map[types.NamespacedName][]model.Port, len(touched))
	for service := range touched {
		changed[service] = nil
		if svc, of := p.lookUp(service); svc != nil {
			changed[service] = model.Ports(svc, of, family, around.place)
		}
	}
	if err := p.Backends[family].Sync(ctx, around.sites[family], changed); err != nil {
		return err
	}
	return p.endFlows(family, changed)
}

// lookUp returns a Service and its slices; nil if it is gone.
func (p *Proxy) lookUp(service types.NamespacedName) (*v1.Service, []*discoveryv1.EndpointSlice) {
	object, _, _ := p.services.GetStore().GetByKey(service.String())
	svc, ok := object.(*v1.Service)
	if !ok {
		return nil, nil
	}
	var of []*discoveryv1.EndpointSlice
	objects, _ := p.slices.GetIndexer().ByIndex(byService, service.String()) // the index is there: watch made it
	for _, o := range objects {
		if s, ok := o.(*discoveryv1.EndpointSlice); ok {
			of = append(of, s)
		}
	}
	return svc, of
}

// endFlows ends UDP flows that lead to endpoints which aren't any longer. What is tracked follows no rules, and a client that goes on
// sending from its port would never reach another one.
func (p *Proxy) endFlows(family v1.IPFamily, changed map[types.NamespacedName][]model.Port) error {
	if p.Flows == nil {
		return nil
	}
	leads := map[netip.AddrPort][]netip.AddrPort{}
	for service := range changed {
		for _, place := range p.udp[family][service] {
			leads[place] = nil // unless it still is one
		}
	}
	now := map[types.NamespacedName][]netip.AddrPort{}
	for service, ports := range changed {
		for i := range ports {
			if port := &ports[i]; port.Protocol == v1.ProtocolUDP {
				for _, place := range port.Places() {
					leads[place] = slices.Concat(port.Cluster, port.Local)
					now[service] = append(now[service], place)
				}
			}
		}
	}
	if len(leads) == 0 {
		return nil
	}
	if err := p.Flows.End(family, leads); err != nil {
		return fmt.Errorf("ending flows: %w", err)
	}
	for service := range changed {
		if now[service] == nil {
			delete(p.udp[family], service)
		} else {
			p.udp[family][service] = now[service]
		}
	}
	return nil
}

// askAbout tells the reporter about Services that load balancers ask this node about.
func (p *Proxy) askAbout(touched sets.Set[types.NamespacedName]) {
	before := maps.Clone(p.checks)
	for service := range touched {
		delete(p.checks, service)
		if svc, of := p.lookUp(service); svc != nil && isAskedAbout(svc) {
			p.checks[service] = HealthCheck{Port: uint16(svc.Spec.HealthCheckNodePort), LocalEndpoints: model.LocalReady(of, p.around.place)}
		}
	}
	if !maps.Equal(before, p.checks) {
		p.Reporter.HealthChecks(maps.Clone(p.checks))
	}
}

func isAskedAbout(svc *v1.Service) bool {
	return svc.Spec.Type == v1.ServiceTypeLoadBalancer && svc.Spec.ExternalTrafficPolicy == v1.ServiceExternalTrafficPolicyLocal &&
		svc.Spec.HealthCheckNodePort > 0 && svc.Spec.HealthCheckNodePort <= 65535
}
