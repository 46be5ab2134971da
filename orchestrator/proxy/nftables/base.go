package nftables

import (
	"fmt"
	"net/netip"
	"strings"

	"sigs.k8s.io/knftables"
)

// The shared sets and maps. Their keys are addresses, protocols and ports as the packet has them before any translation.
const (
	clusterIPs       = "cluster-ips"           // all ClusterIPs, whatever their ports
	hairpins         = "hairpin-connections"   // endpoint . endpoint: connections that come back to whom they came from
	serviceIPs       = "service-ips"           // where a Service answers
	serviceNodePorts = "service-nodeports"     // and on which ports of the node
	unansweredIPs    = "no-endpoint-services"  // where it would, but has nobody to do so
	unansweredPorts  = "no-endpoint-nodeports" // and on which ports of the node
	firewallIPs      = "firewall-ips"          // addresses of balancers that don't take everyone's traffic
)

// The shared chains that blocks go to.
const (
	markChain   = "mark-for-masquerade"
	rejectChain = "reject-chain"
)

// shared is a set or map that all Services have elements in.
type shared struct {
	name, keyType string
	verdicts      bool // a map, to verdicts
}

// sharedSets are all of them. "addr" stands for the family's address type.
var sharedSets = []shared{
	{clusterIPs, "addr", false},
	{hairpins, "addr . addr", false},
	{serviceIPs, "addr . inet_proto . inet_service", true},
	{serviceNodePorts, "inet_proto . inet_service", true},
	{unansweredIPs, "addr . inet_proto . inet_service", true},
	{unansweredPorts, "inet_proto . inet_service", true},
	{firewallIPs, "addr . inet_proto . inet_service", true},
}

// object is the set or map as knftables has it.
func (s shared) object(ip string) knftables.Object {
	key := strings.ReplaceAll(s.keyType, "addr", map[string]string{"ip": "ipv4_addr", "ip6": "ipv6_addr"}[ip])
	if s.verdicts {
		return &knftables.Map{Name: s.name, Type: key + " : verdict"}
	}
	return &knftables.Set{Name: s.name, Type: key}
}

// chain is a chain with its rules. One with a hook is called by the kernel.
type chain struct {
	name     string
	hook     knftables.BaseChainHook
	kind     knftables.BaseChainType
	priority knftables.BaseChainPriority
	rules    []string
}

func (c *chain) object() *knftables.Chain {
	o := &knftables.Chain{Name: c.name}
	if c.hook != "" {
		o.Hook, o.Type, o.Priority = &c.hook, &c.kind, &c.priority
	}
	return o
}

// base are the chains that there are whatever the Services. Filters come in two places: before translation they see which balancer's
// address a client asked for, after it only packets that nobody translated still carry a Service's address.
func (b *Backend) base() []chain {
	const (
		filter, nat        = knftables.FilterType, knftables.NATType
		before, after, out = knftables.DNATPriority + "-10", knftables.FilterPriority + "-110", knftables.DNATPriority + "+10"
	)
	ip := b.ip
	mark := fmt.Sprintf("%#x", b.site.MasqueradeMark)
	key := ip + " daddr . meta l4proto . th dport vmap @"
	nodePort := b.nodeAddress() + " meta l4proto . th dport vmap @"
	const isNew = "ct state new jump "

	forward := []string{isNew + "service-endpoints-check", isNew + "cluster-ips-check"}
	if !b.site.TCPBeLiberal {
		// The answer to a packet that was counted wrongly would reach the client untranslated, and end its connection.
		forward = append([]string{"ct state invalid drop"}, forward...)
	}
	services := []string{key + serviceIPs, nodePort + serviceNodePorts}
	if from, masquerade := b.outside(); masquerade {
		services = append([]string{ip + " daddr @" + clusterIPs + from + " jump " + markChain}, services...)
	}
	return []chain{
		{name: "firewall-check", rules: []string{key + firewallIPs}},
		{name: "service-endpoints-check", rules: []string{key + unansweredIPs}},
		{name: "nodeport-endpoints-check", rules: []string{nodePort + unansweredPorts}},
		{name: "cluster-ips-check", rules: []string{ip + " daddr @" + clusterIPs + " goto " + rejectChain}}, // a port that the Service doesn't have
		// A client hears a reset in any case; of the other messages only so many are sent a second.
		{name: rejectChain, rules: []string{"meta l4proto tcp reject with tcp reset", "reject"}},
		{name: markChain, rules: []string{"meta mark set meta mark or " + mark}},
		{name: "services", rules: services},
		{name: "masquerading", rules: []string{
			"ct status dnat " + ip + " saddr . " + ip + " daddr @" + hairpins + " masquerade fully-random",
			"meta mark and " + mark + " == 0 return",
			"meta mark set meta mark xor " + mark, // else a tunnel's outer packet would be masqueraded, too
			"masquerade fully-random",
		}},
		{"filter-prerouting", knftables.PreroutingHook, filter, before, []string{isNew + "firewall-check"}},
		{"filter-input", knftables.InputHook, filter, after, []string{isNew + "nodeport-endpoints-check", isNew + "service-endpoints-check"}},
		{"filter-forward", knftables.ForwardHook, filter, after, forward},
		{"filter-output", knftables.OutputHook, filter, before, []string{isNew + "firewall-check"}},
		{"filter-output-post-dnat", knftables.OutputHook, filter, out, []string{isNew + "service-endpoints-check", isNew + "cluster-ips-check"}},
		{"nat-prerouting", knftables.PreroutingHook, nat, knftables.DNATPriority, []string{"jump services"}},
		{"nat-output", knftables.OutputHook, nat, knftables.DNATPriority, []string{"jump services"}},
		{"nat-postrouting", knftables.PostroutingHook, nat, knftables.SNATPriority, []string{"jump masquerading"}},
	}
}

// outside matches the traffic to ClusterIPs whose source must become the node's, so that answers come back this way, if there is any.
func (b *Backend) outside() (match string, masquerade bool) {
	if b.site.MasqueradeAll {
		return "", true
	}
	match = b.source("!= ")
	return match, match != ""
}

// source matches traffic of pods, or by "!= " that of others; "" if they can't be told apart.
func (b *Backend) source(not string) string {
	switch p := b.site.Pods; {
	case p.Range.IsValid():
		return " " + b.ip + " saddr " + not + p.Range.String()
	case p.Bridge != "":
		return " iifname " + not + quote(p.Bridge)
	case p.InterfacePrefix != "":
		return " iifname " + not + quote(p.InterfacePrefix+"*")
	}
	return ""
}

// nodeAddress matches packets to addresses on which node ports are answered.
func (b *Backend) nodeAddress() string {
	loopback := map[string]string{"ip": "127.0.0.0/8", "ip6": "::1"}[b.ip]
	local := fmt.Sprintf("fib daddr type local %s daddr != %s", b.ip, loopback)
	if b.site.NodePort == nil {
		return local
	}
	var all []string
	for _, p := range b.site.NodePort {
		all = append(all, prefix(p))
	}
	if len(all) == 0 {
		return b.ip + " daddr " + loopback + " " + local // none, which a match of two things says that exclude each other
	}
	return fmt.Sprintf("%s %s daddr { %s }", local, b.ip, strings.Join(all, ", "))
}

// prefix writes single addresses as such: so does nft.
func prefix(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, "") + `"` }
