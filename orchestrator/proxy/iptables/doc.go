// Package iptables makes iptables rules of what package model says, with upstream's names of chains, by iptables-restore --noflush.
//
// A Service port has a chain of its endpoints (KUBE-SVC-…, KUBE-SVL-… for those of this node), one for traffic from outside (KUBE-EXT-…) and
// one for balancers that take not everyone's traffic (KUBE-FW-…); each endpoint has a chain (KUBE-SEP-…). Packets find their port in chains
// that all share, one rule an address and port: that is what makes this mode slower than nftables with many Services.
//
// Read Backend and its Sync first. A sync rewrites the chains that differ between the blocks (block.go) as they were and as they are. The first
// one, and one after a failure or when chains aren't as they were left, reads what there is, writes all chains of ours, and removes those
// that no Service has any more.
//
// Invariants: a table changes at once or not at all. No rule of others is touched, and in the kernel's own chains only the jumps of ours (base.go)
// are. Both variants of iptables, over nf_tables and legacy, are served by the programs' own names.
//
// Not here, as upstream: connections to a ClusterIP's port that the Service doesn't have aren't refused.
package iptables
