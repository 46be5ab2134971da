// Package registry keeps the objects of every served kind in the store, and serves their subresources.
//
// Read Kind first: a kind is a line in the table of kinds.go, and what it does beyond create, read, update, delete and watch
// is a few functions there. strategy carries out what is the same for all: who may set which part of an object, generations,
// defaults that depend on the moment, validation. The subresources that do more than that have files of their own.
package registry
