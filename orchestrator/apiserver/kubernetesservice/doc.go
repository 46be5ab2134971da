// Package kubernetesservice keeps the Service default/kubernetes, by which pods reach the apiservers.
//
// Each apiserver holds a lease in the store under /registry/masterleases for as long as it serves. Those whose lease is there are the
// Service's endpoints: one that is told to end takes itself out first, and one that has died falls out when its lease ends.
package kubernetesservice
