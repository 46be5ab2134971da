// Package pvcprotection keeps a PersistentVolumeClaim from vanishing while a pod has it mounted. Each claim gets the finalizer
// kubernetes.io/pvc-protection, which is taken off when the claim is deleted and no pod on any node names it. Pods without a node do
// not count: they cannot start without the claim. Nor does it matter whether a pod has ended: it counts until it is deleted.
package pvcprotection
