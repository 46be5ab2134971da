// Package nftables makes the kernel's nf_tables rules of what package model says, in a table of its own named kube-proxy for each
// address family.
//
// The rules find their way by maps: a packet's address, protocol and port are looked up once, however many Services there are
// (base.go has the fixed chains that do so). What one Service needs is a block: chains of its own, and elements in the shared maps
// (block.go). A chain of endpoints is one rule that maps a random number to an address and port; only Services with session affinity
// have a chain and a set of known clients per endpoint.
//
// Read Backend and its Sync first. A sync is one transaction that holds what differs between the blocks as they were and as
// they are. The first one, and one after a failure or after somebody else has touched the kernel's rules, states everything anew, still as one
// transaction, and keeps only the sets of known clients. If even that is refused, as with a table of another version, the table is
// made anew in the same way.
//
// Invariants: no packet ever meets half of a sync. Of two Services that claim the same address and port one has it, the one whose
// ClusterIP it is or else the first by name; a claim given up goes to the next.
//
// It needs the nft program, 1.0.1 or newer, and uses no "destroy", which needs a newer one. No chain is named "reject": nft 1.0.6
// can't parse a jump to it.
package nftables
