// Package pvbinder joins PersistentVolumeClaims with PersistentVolumes, makes volumes that are asked for, and disposes of those whose
// claim is gone.
//
// A claim gets the smallest volume that is large enough, has its class, its access modes, its volume mode, and labels that it selects.
// Users join them by hand with the claim's volumeName or the volume's claimRef. A class may say WaitForFirstConsumer: then it is the
// scheduler who chooses, by the claimRef or by the annotation volume.kubernetes.io/selected-node.
//
// Read binder first, then syncClaim and syncVolume. Both are level-driven, and each step of bind is seen and finished by the next sync
// if the process dies between two of them.
//
// Invariants: both objects point at each other before either is Bound, and the volume's side, which has the claim's UID, is written
// first: so two claims never have one volume. No volume with the policy Retain is ever deleted.
//
// Volumes are made by a provisioner of our own, kubernetes.io/host-path, which gives a folder on the node; another one's are waited
// for. It refuses to recycle volumes, to expand them, and to delete what is in a folder: the folder is on a node, the controller
// is not, so what is deleted is the API object.
package pvbinder
