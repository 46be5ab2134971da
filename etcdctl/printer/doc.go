// Package printer writes the replies of API 3 the way etcdctl's users and
// their scripts expect them, in one of five formats:
//
//	simple    lines for people; what scripts cut and grep
//	json      one JSON object a reply, with the field names of the Go structs
//	table     a box with one row a member or endpoint
//	fields    one quoted "Name" : value a line
//	protobuf  the reply's wire bytes, nothing around them
//
// Read [Printer] and the reply types in replies.go first. What a format prints
// is fixed by etcdctl 3.7.3; a reply that it refuses in a format is refused
// here too, with [ErrUnsupported].
//
// The package talks to nobody: it is given a reply and a writer.
//
// Invariants:
//
//	P1  One reply is one Write, so replies of concurrent watches never mix.
//	P2  A reply that cannot be printed writes nothing.
//
// A Printer is as safe for concurrent use as the writer it was given.
package printer
