package endpoints

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"

	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/controller/servicepods"
)

// capacity is how many addresses Endpoints hold.
const capacity = 1000

// subsets puts the pods of a service together by the ports that they have for it. The order is always the same.
func subsets(svc *v1.Service, pods []*v1.Pod) []v1.EndpointSubset {
	byPorts := map[string]*v1.EndpointSubset{}
	for _, p := range pods {
		if !servicepods.Member(p) || (p.DeletionTimestamp != nil && !svc.Spec.PublishNotReadyAddresses) {
			continue
		}
		address, ok := addressOf(svc, p)
		if !ok {
			continue
		}
		ports := portsOf(svc, p)
		if len(ports) == 0 && !(servicepods.Headless(svc) && len(svc.Spec.Ports) == 0) {
			continue
		}
		key := fmt.Sprint(portNames(ports))
		s, ok := byPorts[key]
		if !ok {
			s = &v1.EndpointSubset{Ports: ports}
			byPorts[key] = s
		}
		if svc.Spec.PublishNotReadyAddresses || controller.Ready(p) {
			s.Addresses = append(s.Addresses, address)
		} else {
			s.NotReadyAddresses = append(s.NotReadyAddresses, address)
		}
	}
	keys := make([]string, 0, len(byPorts))
	for key := range byPorts {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	made := make([]v1.EndpointSubset, 0, len(keys))
	for _, key := range keys {
		s := byPorts[key]
		slices.SortFunc(s.Addresses, compare)
		slices.SortFunc(s.NotReadyAddresses, compare)
		made = append(made, *s)
	}
	return made
}

// addressOf is where a pod is reached. It returns false if it has no address of the service's family.
func addressOf(svc *v1.Service, p *v1.Pod) (v1.EndpointAddress, bool) {
	ips := servicepods.Addresses(p, servicepods.Families(svc)[0])
	if len(ips) == 0 {
		return v1.EndpointAddress{}, false
	}
	address := v1.EndpointAddress{
		IP: ips[0], Hostname: servicepods.Hostname(p, svc),
		TargetRef: &v1.ObjectReference{Kind: "Pod", Namespace: p.Namespace, Name: p.Name, UID: p.UID},
	}
	if node := p.Spec.NodeName; node != "" {
		address.NodeName = &node
	}
	return address, true
}

// portsOf are a service's ports as a pod has them. A named port that it has not is left out.
func portsOf(svc *v1.Service, p *v1.Pod) []v1.EndpointPort {
	var ports []v1.EndpointPort
	for i := range svc.Spec.Ports {
		sp := &svc.Spec.Ports[i]
		n, err := servicepods.TargetPort(p, sp)
		if err != nil {
			continue
		}
		ports = append(ports, v1.EndpointPort{Name: sp.Name, Port: n, Protocol: sp.Protocol, AppProtocol: sp.AppProtocol})
	}
	slices.SortFunc(ports, func(a, b v1.EndpointPort) int { return strings.Compare(portName(&a), portName(&b)) })
	return ports
}

func portNames(ports []v1.EndpointPort) []string {
	names := make([]string, 0, len(ports))
	for i := range ports {
		names = append(names, portName(&ports[i]))
	}
	return names
}

func portName(p *v1.EndpointPort) string {
	app := ""
	if p.AppProtocol != nil {
		app = *p.AppProtocol
	}
	return fmt.Sprintf("%s/%d/%s/%s", p.Name, p.Port, p.Protocol, app)
}

func compare(a, b v1.EndpointAddress) int {
	return cmp.Or(strings.Compare(a.IP, b.IP), strings.Compare(string(a.TargetRef.UID), string(b.TargetRef.UID)))
}

// truncate leaves out what is too much: of those that are not ready first.
func truncate(subsets []v1.EndpointSubset) (kept []v1.EndpointSubset, over bool) {
	room := capacity
	take := func(addresses []v1.EndpointAddress) []v1.EndpointAddress {
		n := min(len(addresses), room)
		over = over || n < len(addresses)
		room -= n
		return addresses[:n]
	}
	for i := range subsets {
		subsets[i].Addresses = take(subsets[i].Addresses)
	}
	for i := range subsets {
		subsets[i].NotReadyAddresses = take(subsets[i].NotReadyAddresses)
	}
	return slices.DeleteFunc(subsets, func(s v1.EndpointSubset) bool { return len(s.Addresses)+len(s.NotReadyAddresses) == 0 }), over
}
