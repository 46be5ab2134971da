// Package model says what must hold for Services on a node: which addresses and ports are answered, by whose endpoints, and what
// becomes of connections that nobody answers. It is pure: objects in, Ports out; package nftables and package iptables make rules
// of them.
//
// Read Port first, then Ports, which makes the Ports of one Service in one address family.
//
// Invariants: the lists of a Port are sorted and have no duplicates, so equal states give equal Ports; whatever the objects hold,
// Ports returns.
package model
