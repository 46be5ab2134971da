package iptables

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/petcd/petcd/orchestrator/proxy/model"
)

// The chains that all Services share, by upstream's names.
const (
	services    = "KUBE-SERVICES"          // nat: addresses that are answered; filter: ClusterIPs that nobody answers
	external    = "KUBE-EXTERNAL-SERVICES" // other addresses that nobody answers
	nodePorts   = "KUBE-NODEPORTS"         // ports of the node that are answered
	firewall    = "KUBE-PROXY-FIREWALL"    // what balancers' addresses don't take
	forward     = "KUBE-FORWARD"
	postrouting = "KUBE-POSTROUTING"
	markMasq    = "KUBE-MARK-MASQ"
)

const (
	nat    = "nat"
	filter = "filter"
)

// tables are those with chains of ours, in the order in which they are written.
var tables = []string{nat, filter}

// chainKey is a chain of a table.
type chainKey struct{ table, chain string }

// jump is a rule of ours in a chain of the kernel's.
type jump struct {
	from chainKey
	rule string // as iptables-save writes it
	to   string
}

const isNew = "-m conntrack --ctstate NEW "

// jumps are all of them. They go before others' rules.
var jumps = []jump{
	{chainKey{nat, "PREROUTING"}, comment("kubernetes service portals"), services},
	{chainKey{nat, "OUTPUT"}, comment("kubernetes service portals"), services},
	{chainKey{nat, "POSTROUTING"}, comment("kubernetes postrouting rules"), postrouting},
	{chainKey{filter, "INPUT"}, isNew + comment("kubernetes load balancer firewall"), firewall},
	{chainKey{filter, "INPUT"}, isNew + comment("kubernetes externally-visible service portals"), external},
	{chainKey{filter, "OUTPUT"}, isNew + comment("kubernetes load balancer firewall"), firewall},
	{chainKey{filter, "OUTPUT"}, isNew + comment("kubernetes service portals"), services},
	{chainKey{filter, "OUTPUT"}, isNew + comment("kubernetes externally-visible service portals"), external},
	{chainKey{filter, "FORWARD"}, isNew + comment("kubernetes load balancer firewall"), firewall},
	{chainKey{filter, "FORWARD"}, comment("kubernetes forwarding rules"), forward},
	{chainKey{filter, "FORWARD"}, isNew + comment("kubernetes service portals"), services},
	{chainKey{filter, "FORWARD"}, isNew + comment("kubernetes externally-visible service portals"), external},
}

// line is the rule as a line of iptables-save.
func (j jump) line() string { return "-A " + j.from.chain + " " + j.rule + "-j " + j.to }

// comment is a match that says what a rule is for. A text with what would end it, as a name may have, makes none.
func comment(text string) string {
	if strings.ContainsFunc(text, func(c rune) bool { return c == '"' || c == '\\' || c < ' ' }) || len(text) > 255 {
		return ""
	}
	return `-m comment --comment "` + text + `" `
}

// frame is what a shared chain has before and after the Services' rules.
type frame struct{ head, tail []string }

// frames are the shared chains.
func (b *Backend) frames() map[chainKey]frame {
	mark := fmt.Sprintf("%#x/%#x", b.site.MasqueradeMark, b.site.MasqueradeMark)
	toForward := []string{comment("kubernetes forwarding rules") + "-m mark --mark " + mark + " -j ACCEPT", "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"}
	if !b.site.TCPBeLiberal {
		// The answer to a packet that was counted wrongly would reach the client untranslated, and end its connection.
		toForward = append([]string{"-m conntrack --ctstate INVALID -j DROP"}, toForward...)
	}
	f := map[chainKey]frame{
		{nat, services}:  {tail: b.toNodePorts()},
		{nat, nodePorts}: {},
		{nat, markMasq}:  {head: []string{fmt.Sprintf("-j MARK --or-mark %#x", b.site.MasqueradeMark)}},
		{nat, postrouting}: {head: []string{
			"-m mark ! --mark " + mark + " -j RETURN",
			fmt.Sprintf("-j MARK --xor-mark %#x", b.site.MasqueradeMark), // else a tunnel's outer packet would be masqueraded, too
			comment("kubernetes service traffic requiring SNAT") + "-j MASQUERADE --random-fully",
		}},
		{filter, services}: {},
		{filter, external}: {},
		{filter, forward}:  {head: toForward},
		{filter, firewall}: {},
	}
	if b.localhost() {
		// Routing of loopback addresses is on for node ports: nothing else may come in by it.
		f[chainKey{filter, firewall}] = frame{head: []string{
			comment("block incoming localnet connections") + "! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP",
		}}
	}
	return f
}

// localhost tells whether node ports are answered on loopback addresses.
func (b *Backend) localhost() bool {
	if !b.site.LocalhostNodePorts || b.v6 {
		return false
	}
	for _, p := range b.site.NodePort {
		if p.Addr().IsLoopback() {
			return true
		}
	}
	return b.site.NodePort == nil
}

// toNodePorts are the rules that send what is for the node to its ports. They come last: node ports are on the addresses that
// no Service has for itself.
func (b *Backend) toNodePorts() []string {
	about := comment("kubernetes service nodeports; NOTE: this must be the last rule in this chain")
	const local = "-m addrtype --dst-type LOCAL -j " + nodePorts
	if b.site.NodePort == nil {
		if b.localhost() {
			return []string{about + local}
		}
		return []string{about + "! -d " + map[bool]string{false: "127.0.0.0/8", true: "::1/128"}[b.v6] + " " + local}
	}
	var rules []string
	for _, p := range b.site.NodePort {
		if !p.Addr().IsLoopback() || b.localhost() {
			rules = append(rules, about+"-d "+p.String()+" "+local)
		}
	}
	return rules
}

// source matches traffic of pods, or by "! " that of others; "" if they can't be told apart.
func source(p model.Pods, not string) string {
	switch {
	case p.Range != (netip.Prefix{}):
		return not + "-s " + p.Range.String() + " "
	case p.Bridge != "":
		return not + "-i " + p.Bridge + " "
	case p.InterfacePrefix != "":
		return not + "-i " + p.InterfacePrefix + "+ "
	}
	return ""
}
