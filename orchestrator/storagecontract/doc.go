// Package storagecontract holds the store to Kubernetes' own contract: the tests that k8s.io/apiserver exports for implementations of
// its storage.Interface, run on its etcd3 store and on its watch cache over that, with a petcd process below.
//
// It has tests only. Read contracts, the table of what is run; each of its rows has a petcd of its own, since many count revisions
// and some compact. TestComplete fails when a release of Kubernetes adds a function that no row calls. PETCD_STORE names another
// program to run it on, such as the real etcd.
package storagecontract
