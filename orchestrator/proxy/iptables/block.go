package iptables

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/petcd/petcd/orchestrator/proxy/model"
)

// block is what one Service needs.
type block struct {
	own    map[string][]string // chains of the nat table
	shared map[sharedKey][]string
}

// sharedKey is a part of a shared chain. Rules of a later part come after those of an earlier one, whosever they are.
type sharedKey struct {
	chainKey
	part int
}

// The parts of KUBE-SERVICES: a ClusterIP is nobody else's.
const (
	first = iota
	later
)

// render makes the block of a Service's ports.
func (b *Backend) render(ports []model.Port) *block {
	r := &block{own: map[string][]string{}, shared: map[sharedKey][]string{}}
	for i := range ports {
		b.renderPort(r, &ports[i])
	}
	return r
}

func (r *block) add(table, chain string, part int, rule string) {
	key := sharedKey{chainKey{table, chain}, part}
	r.shared[key] = append(r.shared[key], rule)
}

func (b *Backend) renderPort(r *block, p *model.Port) {
	cluster, local, outside := chainName("SVC", p, ""), chainName("SVL", p, ""), chainName("EXT", p, "")
	if len(p.Cluster) > 0 {
		b.renderEndpoints(r, p, cluster, p.Cluster)
	}
	if (p.InternalLocal || p.ExternalLocal) && len(p.Local) > 0 {
		b.renderEndpoints(r, p, local, p.Local)
	}
	if p.Internal() == model.Answered {
		to := cluster
		if p.InternalLocal {
			to = local
		}
		r.add(nat, services, first, about(p, "cluster IP")+toPort(p, p.ClusterIP)+"-j "+to)
	}
	if target, why := refusal(p, p.Internal()); target != "" {
		// Another Service may name the address as an external one: it doesn't get what nobody answers here.
		r.add(nat, services, first, about(p, why)+toPort(p, p.ClusterIP)+"-j RETURN")
		r.add(filter, services, first, about(p, why)+toPort(p, p.ClusterIP)+target)
	}
	if !p.IsExternal() {
		return
	}

	answered := len(p.Cluster) > 0 // pods and the node itself are served by any endpoint even where others are not
	if answered {
		r.own[outside] = b.externalRules(p, cluster, local)
	}
	refuse, why := refusal(p, p.External())
	for _, ip := range p.ExternalIPs {
		if answered {
			r.add(nat, services, later, about(p, "external IP")+toPort(p, ip)+"-j "+outside)
		}
		if refuse != "" {
			r.add(filter, external, first, about(p, why)+toPort(p, ip)+refuse)
		}
	}
	b.renderBalancer(r, p, outside, answered)
	if p.NodePort != 0 {
		to := fmt.Sprintf("-p %s -m %s --dport %d ", l4(p), l4(p), p.NodePort)
		if answered {
			r.add(nat, nodePorts, first, about(p, "")+to+"-j "+outside)
		}
		if refuse != "" {
			r.add(filter, external, first, about(p, why)+"-m addrtype --dst-type LOCAL "+to+refuse)
		}
	}
}

// renderBalancer makes the rules of a balancer's addresses. Where not everyone may use them, only what may is translated, and what still
// carries the address afterwards is dropped.
func (b *Backend) renderBalancer(r *block, p *model.Port, outside string, answered bool) {
	to := outside
	if p.SourceRanges != nil && len(p.LoadBalancerIPs) > 0 && answered {
		to = chainName("FW", p, "")
		r.own[to] = []string{}
		for _, from := range p.SourceRanges {
			r.own[to] = append(r.own[to], about(p, "loadbalancer IP")+"-s "+from.String()+" -j "+outside)
		}
	}
	refuse, why := refusal(p, p.External())
	for _, ip := range p.LoadBalancerIPs {
		if answered {
			r.add(nat, services, later, about(p, "loadbalancer IP")+toPort(p, ip)+"-j "+to)
		}
		if p.SourceRanges != nil {
			r.add(filter, firewall, first, about(p, "traffic not accepted by "+to)+toPort(p, ip)+"-j DROP")
		}
		if refuse != "" {
			r.add(filter, external, first, about(p, why)+toPort(p, ip)+refuse)
		}
	}
}

// refusal is what is done to connections that nobody answers, and why.
func refusal(p *model.Port, f model.Fate) (target, why string) {
	switch {
	case f == model.Reject && p.Protocol == v1.ProtocolTCP:
		return "-j REJECT --reject-with tcp-reset", "has no endpoints" // of other messages only so many are sent a second
	case f == model.Reject:
		return "-j REJECT", "has no endpoints"
	case f == model.Drop:
		return "-j DROP", "has no local endpoints"
	}
	return "", ""
}

// externalRules are those of traffic to a node port, an external or a balancer's address. Where any node may answer, the answer must come
// back through this node; where only this one may, the source address is kept.
func (b *Backend) externalRules(p *model.Port, cluster, local string) []string {
	if !p.ExternalLocal {
		return []string{comment("masquerade traffic for "+p.String()+" external destinations") + "-j " + markMasq, "-j " + cluster}
	}
	var rules []string
	if pods := source(b.site.Pods, ""); pods != "" {
		rules = append(rules, comment("pod traffic for "+p.String()+" external destinations")+pods+"-j "+cluster)
	}
	rules = append(rules,
		comment("masquerade LOCAL traffic for "+p.String()+" external destinations")+"-m addrtype --src-type LOCAL -j "+markMasq,
		comment("route LOCAL traffic for "+p.String()+" external destinations")+"-m addrtype --src-type LOCAL -j "+cluster)
	if len(p.Local) > 0 {
		rules = append(rules, "-j "+local)
	}
	return rules
}

// renderEndpoints makes the chain that sends connections to one of the endpoints by chance, or, with affinity, to the one that the client is
// known to; and the endpoints' chains.
func (b *Backend) renderEndpoints(r *block, p *model.Port, chain string, endpoints []netip.AddrPort) {
	var rules []string
	from := source(b.site.Pods, "! ")
	if b.site.MasqueradeAll || from != "" {
		if b.site.MasqueradeAll {
			from = ""
		}
		rules = append(rules, about(p, "cluster IP")+from+toPort(p, p.ClusterIP)+"-j "+markMasq)
	}
	names := make([]string, len(endpoints))
	for i, e := range endpoints {
		names[i] = chainName("SEP", p, e.String())
		set := ""
		if p.Affinity != 0 {
			set = "-m recent --name " + names[i] + " --set "
			rules = append(rules, fmt.Sprintf("%s-m recent --name %s --rcheck --seconds %d --reap -j %s",
				about(p, "-> "+e.String()), names[i], p.Affinity/time.Second, names[i]))
		}
		r.own[names[i]] = []string{
			about(p, "") + "-s " + single(e.Addr()) + " -j " + markMasq,
			about(p, "") + set + "-p " + l4(p) + " -m " + l4(p) + " -j DNAT --to-destination " + e.String(),
		}
	}
	for i, e := range endpoints {
		chance := ""
		if left := len(endpoints) - i; left > 1 {
			chance = fmt.Sprintf("-m statistic --mode random --probability %.10f ", 1/float64(left))
		}
		rules = append(rules, about(p, "-> "+e.String())+chance+"-j "+names[i])
	}
	r.own[chain] = rules
}

// toPort matches packets to an address of the port.
func toPort(p *model.Port, ip netip.Addr) string {
	return fmt.Sprintf("-d %s -p %s -m %s --dport %d ", single(ip), l4(p), l4(p), p.Port)
}

func single(ip netip.Addr) string { return netip.PrefixFrom(ip, ip.BitLen()).String() }

func l4(p *model.Port) string { return strings.ToLower(string(p.Protocol)) }

// about is a comment that names the port.
func about(p *model.Port, what string) string {
	return comment(strings.TrimSpace(p.String() + " " + what))
}

// chainName makes a chain's name as upstream does: no two ports, and no two endpoints of one, have the same.
func chainName(kind string, p *model.Port, endpoint string) string {
	sum := sha256.Sum256([]byte(p.String() + l4(p) + endpoint))
	return "KUBE-" + kind + "-" + base32.StdEncoding.EncodeToString(sum[:])[:16]
}

// isOwn tells whether a chain of the nat table is one of a Service's.
func isOwn(chain string) bool {
	return slices.ContainsFunc([]string{"KUBE-SVC-", "KUBE-SVL-", "KUBE-EXT-", "KUBE-FW-", "KUBE-SEP-"}, func(prefix string) bool {
		return strings.HasPrefix(chain, prefix)
	})
}
