package endpointslice

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/controller/servicepods"
)

// group is the endpoints that have the same ports, by the UID of their pods.
type group struct {
	ports     []discovery.EndpointPort
	endpoints map[string]discovery.Endpoint
}

// wanted are the endpoints of a service, by their ports. The error names the pods that were left out since their node isn't known.
func wanted(svc *v1.Service, pods []*v1.Pod, nodes corelisters.NodeLister, family v1.IPFamily) (map[string]*group, error) {
	groups := map[string]*group{}
	var nodeless []error
	for _, p := range pods {
		if !servicepods.Member(p) {
			continue
		}
		addresses := servicepods.Addresses(p, family)
		if len(addresses) == 0 {
			continue
		}
		var zone string
		node, err := nodes.Get(p.Spec.NodeName)
		switch {
		case err == nil:
			zone = node.Labels[v1.LabelTopologyZone]
		case !svc.Spec.PublishNotReadyAddresses:
			// If the node is gone so is the pod, though its status cannot say so.
			nodeless = append(nodeless, fmt.Errorf("pod %s/%s: %w", p.Namespace, p.Name, err))
			continue
		}
		ports := portsOf(svc, p)
		key := portKey(ports)
		g, ok := groups[key]
		if !ok {
			g = &group{ports: ports, endpoints: map[string]discovery.Endpoint{}}
			groups[key] = g
		}
		g.endpoints[string(p.UID)] = endpointOf(svc, p, addresses, zone)
	}
	return groups, errors.Join(nodeless...)
}

func endpointOf(svc *v1.Service, p *v1.Pod, addresses []string, zone string) discovery.Endpoint {
	serving, terminating := controller.Ready(p), p.DeletionTimestamp != nil
	ep := discovery.Endpoint{
		Addresses: addresses,
		Conditions: discovery.EndpointConditions{
			Ready:   ptr.To(svc.Spec.PublishNotReadyAddresses || (serving && !terminating)),
			Serving: ptr.To(serving), Terminating: ptr.To(terminating),
		},
		TargetRef: &v1.ObjectReference{Kind: "Pod", Namespace: p.Namespace, Name: p.Name, UID: p.UID},
	}
	ep.Hostname = notEmpty(servicepods.Hostname(p, svc))
	ep.NodeName = notEmpty(p.Spec.NodeName)
	ep.Zone = notEmpty(zone)
	return ep
}

func notEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// portsOf are a service's ports as a pod has them. A named port that it has not is left out.
func portsOf(svc *v1.Service, p *v1.Pod) []discovery.EndpointPort {
	ports := []discovery.EndpointPort{}
	for i := range svc.Spec.Ports {
		sp := &svc.Spec.Ports[i]
		n, err := servicepods.TargetPort(p, sp)
		if err != nil {
			continue
		}
		ports = append(ports, discovery.EndpointPort{Name: &sp.Name, Port: &n, Protocol: &sp.Protocol, AppProtocol: sp.AppProtocol})
	}
	return ports
}

// portKey is equal for equal ports in any order.
func portKey(ports []discovery.EndpointPort) string {
	keys := make([]string, 0, len(ports))
	for _, p := range ports {
		keys = append(keys, fmt.Sprintf("%s/%d/%s/%s",
			ptr.Deref(p.Name, ""), ptr.Deref(p.Port, 0), ptr.Deref(p.Protocol, ""), ptr.Deref(p.AppProtocol, "")))
	}
	slices.Sort(keys)
	return strings.Join(keys, ",")
}

// shape is a service's slice without ports and endpoints. since is when the change was due that it is made for; it may be zero.
func shape(svc *v1.Service, typ discovery.AddressType, since time.Time) *discovery.EndpointSlice {
	prefix := svc.Name + "-"
	if len(validation.NameIsDNSSubdomain(prefix, true)) != 0 {
		prefix = svc.Name
	}
	s := &discovery.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: svc.Namespace, GenerateName: prefix, Labels: labelsOf(svc),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(svc, v1.SchemeGroupVersion.WithKind("Service"))},
		},
		AddressType: typ, Ports: []discovery.EndpointPort{}, Endpoints: []discovery.Endpoint{},
	}
	if !since.IsZero() {
		s.Annotations = map[string]string{v1.EndpointsLastChangeTriggerTime: since.UTC().Format(time.RFC3339Nano)}
	}
	return s
}

// labelsOf are the labels of a service's slices: its own, and those that say what they are.
func labelsOf(svc *v1.Service) map[string]string {
	l := make(map[string]string, len(svc.Labels)+3)
	maps.Copy(l, svc.Labels)
	l[discovery.LabelServiceName], l[discovery.LabelManagedBy] = svc.Name, managedBy
	if servicepods.Headless(svc) {
		l[v1.IsHeadlessService] = ""
	} else {
		delete(l, v1.IsHeadlessService)
	}
	return l
}
