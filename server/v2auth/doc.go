// Package v2auth says who may do what through API 2: users with passwords, roles with patterns of keys, the role guest for
// those who name nobody, and the switch that makes all of that count.
//
// It is no part of API 3's authentication (package auth): the two have their own users and their own switch, as in etcd.
// Users and roles are nodes of the v2 tree below /2, the documents in them etcd's, so that what was imported from etcd means
// the same. They are changed by proposing ordinary requests to that tree; nothing here is told when one is applied.
//
// It refuses to know the pages of /v2/auth, which package v2http serves. It logs no password, and never keeps one but as
// package password does.
//
// Read first: [Store], then its view in view.go; guard.go is what every request passes.
//
// Invariants:
//
//	I1. A request is judged by users, roles and the switch no older than what the member had published when the request
//	    came: a view is used only while V2AuthVersion is what it was before the view's first document was read, and that
//	    number moves when, or after, a change can be read.
//	I2. A change of a user or of a role replaces the very document that it was made from (prevIndex), or is made again from
//	    the newer one. Of two grants at a time none is lost.
//	I3. A password that was found to match counts for one hash, and for one period of the switch being on.
//	I4. What cannot be read is not allowed: an unreadable switch is on, an unreadable user or role is not there.
//	I5. An unknown user costs as much time as a wrong password.
//
// Concurrency: everything is safe from any goroutine.
package v2auth
