// Package limitranger is the admission plugin LimitRanger: new pods get the requests and limits that the LimitRanges of their
// namespace set for those who ask for none, and what goes beyond a LimitRange is refused, with all reasons at once.
//
// Read Plugin, then checks in check.go. Pods are looked at when they are created; claims of volumes when their size changes
// as well. What was there before a LimitRange stays.
package limitranger
