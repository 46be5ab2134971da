// Package history keeps the pod templates that a DaemonSet or a StatefulSet has had, as ControllerRevisions. kubectl rollout
// history shows them, and kubectl rollout undo sends the data of one of them back as a patch of its owner.
//
// Read History first. The revision of the template in force has the highest number: a template that returns gets its old
// revision back under a new number.
package history
