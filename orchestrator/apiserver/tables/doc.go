// Package tables shows objects as kubectl get does: it is the server, not kubectl, that decides what the columns are and what
// stands in them.
//
// Read Converter first, then printer, which is one kind's columns and how an object fills them. Each file has the printers of an
// API group, or of one kind where that takes more: pod.go, node.go, service.go, event.go.
//
// Invariants: a row has a cell for every column, wide ones (of priority 1) included, whatever the object lacks; a cell is a
// string, an int64 or a bool, as tables are copied as JSON; a list shows the columns of its items even when it is empty.
//
// Columns, words and their order are upstream's. So are the missing ones: roles and limit ranges, for instance, have no printer
// there either, and show their name and when they were created.
package tables
