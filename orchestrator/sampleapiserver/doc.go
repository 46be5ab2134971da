// Package sampleapiserver runs Kubernetes' sample-apiserver, unchanged, over petcd beside a kube-apiserver of the control plane, and
// drives it with a stock kubectl: an apiserver by others has the store, and delegates to ours who may do what.
//
// It has a test only. Read testdata/flunders.txt.
package sampleapiserver
