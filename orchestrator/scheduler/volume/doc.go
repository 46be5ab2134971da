// Package volume finds out what a pod's claims allow, and binds claims that wait for their first consumer to the node chosen.
//
// Read Binder first. Look reads the claims of a pod; what it returns is asked node by node; Reserve holds volumes for a pod on a
// node; Reservation.Commit writes them down and waits until the volume controller has bound them, and Release gives them up.
//
// It provisions nothing and attaches nothing: it only names the node on a claim, and the claim on a volume.
package volume
