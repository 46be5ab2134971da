// Package image brings images to a node and takes them away: Puller makes a container's image present, Collector removes what nothing uses.
//
// Read Puller, then Collector. It refuses what upstream keeps beside them: credential plugins, the node's own docker config, and records of
// who may use an image that is present (an image is there for all pods of the node).
//
// Invariants: an image that failed isn't asked for again before its back-off is over, per pod. The collector never removes the image of a
// container, running or not, nor that of sandboxes.
package image
