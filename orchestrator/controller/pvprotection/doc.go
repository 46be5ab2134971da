// Package pvprotection keeps a PersistentVolume that is bound from vanishing. Each volume gets the finalizer
// kubernetes.io/pv-protection, which is taken off when the volume is deleted and not bound any more.
package pvprotection
