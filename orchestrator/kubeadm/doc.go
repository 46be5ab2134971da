// Package kubeadm sets up the nodes of a cluster, and takes them down: init makes a control plane, join a worker, reset undoes either.
// Flags, files, names of certificates, ConfigMaps and roles are those of upstream's kubeadm, so that what is written about it holds here.
//
// Read Settings, then Init, which is a list of phases: each does one thing, says so in a line, and can be skipped by upstream's name.
// Layout says where files are; with --root all of them are below one folder, and static pods still see them at their usual places.
//
// What is upstream's no more: programs come from the folder of this one, not from packages; a container runtime is set up as well, the
// embedded one where no containerd is found; where there is no systemd a small supervisor (package unit) keeps both and the kubelet running.
// Package up makes a whole cluster on one machine, each node in a network namespace.
//
// It refuses: more than one control-plane node (no stacked etcd is joined), upgrades, external etcd and external authorities.
// Fields of a configuration file that it doesn't know are errors that name them, never ignored.
//
// Invariants: nothing that is there is overwritten by init or join before preflight has said that it may be; reset leaves no process,
// mount, cgroup, namespace or file of the node behind, and touches nothing of any other.
package kubeadm
