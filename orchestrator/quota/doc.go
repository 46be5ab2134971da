// Package quota says what one object counts as towards the ResourceQuotas of its namespace, and which quotas count it. The
// apiserver's admission charges what is about to be created by it, the resource quota controller adds up what is there: they
// agree because they ask the same functions.
//
// Read Usage first. Everything here is a pure function of its arguments; Usage alone reads the clock, UsageOf is given the time.
//
// Not counted: events, objects without a namespace, claims of devices (resource.k8s.io).
package quota
