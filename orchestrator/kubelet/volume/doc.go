// Package volume makes the volumes of a node's pods and removes them: emptyDir, hostPath, configMap, secret, downwardAPI, projected, and
// claims bound to a hostPath or local persistent volume.
//
// Read Manager first, then kind.go for what each kind of volume is made by. It refuses, with an error that names the volume: all
// other kinds (a container storage interface is not there), block devices, huge pages, projected clusterTrustBundle and podCertificate,
// and recursive read-only mounts.
//
// Layout, as upstream's, below Options.Root:
//
//	<uid>/volumes/kubernetes.io~<kind>/<volume>               what containers see
//	<uid>/volume-subpaths/<volume>/<container>/<mount index>   a bind of what a subPath leads to
//
// Invariants:
//   - What is written once from the API changes by one rename of the symlink ..data: a container sees all of the old or all of the new.
//   - Secrets and tokens are on tmpfs alone, never on disk.
//   - A subPath is resolved by the kernel beneath its volume; no symlink that a container makes leads out of it.
//   - Nothing is deleted below a mount point: Teardown looks at mountinfo again before it removes a folder.
//   - Everything can be found again after a restart of the kubelet from the folder and mountinfo; memory only saves work.
package volume
