// Package app is cluster-dns: flags, ports, and how it begins and ends.
//
// Read Options, then Options.Run. It is ready when it knows all of the cluster, and it goes on answering for a while after it was
// told to end: until then, clients may not have heard of it.
package app
