package nftables

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/petcd/petcd/orchestrator/proxy/model"
)

// block is what one Service needs in the table.
type block struct {
	chains   map[string][]string      // its own, with their rules
	clients  map[string]time.Duration // its sets of known clients, and how long they stay known
	elements []element                // in shared sets and maps
}

// element is a key of a shared set or map, and what a Service wants there.
type element struct {
	key   elementKey
	value string // a verdict; empty in sets
	first bool   // goes before others' claims to the key: a ClusterIP is nobody else's
}

// elementKey is a place in a shared set or map.
type elementKey struct{ in, key string }

// render makes the block of a Service's ports.
func (b *Backend) render(ports []model.Port) *block {
	r := &block{chains: map[string][]string{}, clients: map[string]time.Duration{}}
	for i := range ports {
		b.renderPort(r, &ports[i])
	}
	return r
}

func (b *Backend) renderPort(r *block, p *model.Port) {
	id := fmt.Sprintf("%s/%s/%s/%s", p.Service.Namespace, p.Service.Name, strings.ToLower(string(p.Protocol)), p.Name)
	cluster, local, external := name("service", id), name("local", id), name("external", id)
	if len(p.Cluster) > 0 {
		b.renderEndpoints(r, p, cluster, id, p.Cluster)
	}
	if (p.InternalLocal || p.ExternalLocal) && len(p.Local) > 0 {
		b.renderEndpoints(r, p, local, id, p.Local)
	}
	for _, e := range slices.Concat(p.Cluster, p.Local) {
		r.elements = append(r.elements, element{key: elementKey{hairpins, e.Addr().String() + " . " + e.Addr().String()}})
	}

	r.elements = append(r.elements, element{key: elementKey{clusterIPs, p.ClusterIP.String()}})
	to := cluster
	if p.InternalLocal {
		to = local
	}
	b.answer(r, p, p.ClusterIP, p.Internal(), to, p.Internal() == model.Answered)
	if !p.IsExternal() {
		return
	}

	// Pods and the node itself are served by any endpoint even where others are not.
	answered := len(p.Cluster) > 0
	if answered {
		r.chains[external] = b.externalRules(p, cluster, local)
	}
	for _, ip := range slices.Concat(p.ExternalIPs, p.LoadBalancerIPs) {
		b.answer(r, p, ip, p.External(), external, answered)
	}
	if p.NodePort != 0 {
		key := l4(p) + " . " + strconv.Itoa(int(p.NodePort))
		if answered {
			r.elements = append(r.elements, element{key: elementKey{serviceNodePorts, key}, value: "goto " + external})
		}
		if verdict := verdicts[p.External()]; verdict != "" {
			r.elements = append(r.elements, element{key: elementKey{unansweredPorts, key}, value: verdict})
		}
	}
	if p.SourceRanges != nil && len(p.LoadBalancerIPs) > 0 {
		firewall := name("firewall", id)
		r.chains[firewall] = []string{b.refuseOthers(p.SourceRanges)}
		for _, ip := range p.LoadBalancerIPs {
			r.elements = append(r.elements, element{key: elementKey{firewallIPs, place(p, ip)}, value: "goto " + firewall})
		}
	}
}

// verdicts on connections that nobody answers.
var verdicts = map[model.Fate]string{model.Reject: "goto " + rejectChain, model.Drop: "drop"}

// answer sends connections to an address of the Service to a chain, if any endpoint is there, and says what becomes of those that still
// carry the address afterwards.
func (b *Backend) answer(r *block, p *model.Port, ip netip.Addr, fate model.Fate, to string, answered bool) {
	first := ip == p.ClusterIP
	switch {
	case answered:
		r.elements = append(r.elements, element{key: elementKey{serviceIPs, place(p, ip)}, value: "goto " + to, first: first})
	case first: // nor is it another's, who names it as an external address, as long as nobody is there
		r.elements = append(r.elements, element{key: elementKey{serviceIPs, place(p, ip)}, value: "return", first: true})
	}
	if verdict := verdicts[fate]; verdict != "" {
		r.elements = append(r.elements, element{key: elementKey{unansweredIPs, place(p, ip)}, value: verdict, first: first})
	}
}

// externalRules are those of traffic to a node port, an external or a balancer's address. Where any node may answer, the answer must come
// back through this node; where only this one may, the source address is kept.
func (b *Backend) externalRules(p *model.Port, cluster, local string) []string {
	if !p.ExternalLocal {
		return []string{"jump " + markChain, "goto " + cluster}
	}
	var rules []string
	if pods := b.source(""); pods != "" {
		rules = append(rules, strings.TrimSpace(pods)+" goto "+cluster)
	}
	rules = append(rules, "fib saddr type local jump "+markChain, "fib saddr type local goto "+cluster)
	if len(p.Local) > 0 {
		rules = append(rules, "goto "+local)
	}
	return rules
}

// refuseOthers drops what isn't from one of the ranges.
func (b *Backend) refuseOthers(ranges []netip.Prefix) string {
	if len(ranges) == 0 {
		return "drop"
	}
	var all []string
	for _, r := range ranges {
		all = append(all, prefix(r))
	}
	return fmt.Sprintf("%s saddr != { %s } drop", b.ip, strings.Join(all, ", "))
}

// renderEndpoints makes the chain that sends connections to one of the endpoints by chance, or, with affinity, to the one that the client is
// known to.
func (b *Backend) renderEndpoints(r *block, p *model.Port, chain, id string, endpoints []netip.AddrPort) {
	choices := make([]string, len(endpoints))
	if p.Affinity == 0 {
		for i, e := range endpoints {
			choices[i] = fmt.Sprintf("%d : %s . %d", i, e.Addr(), e.Port())
		}
		r.chains[chain] = []string{
			fmt.Sprintf("meta l4proto %s dnat %s to numgen random mod %d map { %s }", l4(p), b.ip, len(choices), strings.Join(choices, " , ")),
		}
		return
	}
	var rules []string
	for i, e := range endpoints {
		at := fmt.Sprintf("%s__%s/%d", id, e.Addr(), e.Port())
		endpoint := name("endpoint", at)
		clients := name("affinity", fmt.Sprintf("%s/%d", at, p.Affinity/time.Second)) // a set's timeout can't be changed
		r.clients[clients] = p.Affinity
		r.chains[endpoint] = []string{
			fmt.Sprintf("update @%s { %s saddr }", clients, b.ip),
			fmt.Sprintf("meta l4proto %s dnat to %s", l4(p), e),
		}
		rules = append(rules, fmt.Sprintf("%s saddr @%s goto %s", b.ip, clients, endpoint))
		choices[i] = fmt.Sprintf("%d : goto %s", i, endpoint)
	}
	r.chains[chain] = append(rules, fmt.Sprintf("numgen random mod %d vmap { %s }", len(choices), strings.Join(choices, " , ")))
}

// place is an address, protocol and port as a key.
func place(p *model.Port, ip netip.Addr) string {
	return ip.String() + " . " + l4(p) + " . " + strconv.Itoa(int(p.Port))
}

func l4(p *model.Port) string { return strings.ToLower(string(p.Protocol)) }

// name makes the name of a chain or set: what it is, a hash that keeps it apart from others when it is cut, and what it is for, for readers.
func name(kind, id string) string {
	sum := sha256.Sum256([]byte(id))
	readable := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '/', r == '-', r == '_', r == '.':
			return r
		case r == ':':
			return '.'
		}
		return '_'
	}, id)
	full := kind + "-" + base32.StdEncoding.EncodeToString(sum[:5]) + "-" + readable
	return full[:min(len(full), 240)]
}
