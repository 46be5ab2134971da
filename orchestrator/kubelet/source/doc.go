// Package source is where a kubelet learns which pods it shall run: from the apiserver, and from a folder of manifests.
//
// Read Set, which brings both together for whoever runs the pods. Pods of the folder are static: they run without an apiserver, and whatever
// it says. So that it knows of them, each has a mirror there, a pod object that nobody runs; Mirrors makes them, and makes them anew when they are deleted.
//
// Invariants: a static pod's UID is a digest of its manifest, its path and its node, so that a changed manifest is another pod. A file that
// can't be read or isn't a valid pod is logged and left out, and never keeps others from running. What an apiserver's pod says of its own source
// counts for nothing. Pods are given out as the source's own
// copies: who gets one doesn't change it.
//
// Refused: static pods that refer to API objects (service accounts, secrets, config maps, claims), and manifests from a URL.
package source
