// Package network gives pods their addresses: a bridge, cni0, in the network namespace of the daemon, and for each pod a pair of veth
// devices, one on the bridge and one, eth0, in the pod.
//
// Read Network first. Which pod has which address is a file for each address, so a new daemon knows it, and an address is never given
// twice. A device's name follows from its pod's id: what a dead daemon left can be removed without having been written down. Devices
// vanish with the pod's namespace anyway.
//
// It makes no routes between nodes and no rules for Services; others do.
package network
