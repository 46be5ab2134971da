// Package process is what the control plane's clients of the apiserver have in common as processes: how they reach it, how one of
// several is chosen to work, and where they say how they are.
//
// Read Options, then Run. kube-controller-manager and kube-scheduler are built on it.
package process
