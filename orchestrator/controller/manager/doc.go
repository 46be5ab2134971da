// Package manager is kube-controller-manager: flags, leader election, health and metrics, and which controllers there are.
package manager
