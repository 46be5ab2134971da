// Package pki makes the certificates and keys of a cluster, below one folder, by upstream kubeadm's names and with its subjects.
//
// Read Make, then certificates(), which is the whole list: which authority signs what, for whom, and under which names it is reached.
//
// It refuses to replace anything: a pair that is there is kept if its authority signed it, and is an error if not. An authority whose
// key is missing can sign nothing, so certificates that should come from it are an error, too.
//
// Invariant: keys are readable by their owner alone, and a certificate never outlives its authority.
package pki
