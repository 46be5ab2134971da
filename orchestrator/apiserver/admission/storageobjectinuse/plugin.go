package storageobjectinuse

import (
	"context"
	"io"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/admission"
)

// Name is the plugin's in --enable-admission-plugins.
const Name = "StorageObjectInUseProtection"

const (
	volumeFinalizer = "kubernetes.io/pv-protection"
	claimFinalizer  = "kubernetes.io/pvc-protection"
)

// Register makes the plugin known by its name.
func Register(plugins *admission.Plugins) {
	plugins.Register(Name, func(io.Reader) (admission.Interface, error) { return New(), nil })
}

// Plugin keeps the rule of the package.
type Plugin struct{ *admission.Handler }

// New returns a plugin that is ready.
func New() *Plugin { return &Plugin{admission.NewHandler(admission.Create)} }

// Admit implements admission.MutationInterface.
func (p *Plugin) Admit(_ context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if a.GetSubresource() != "" {
		return nil
	}
	switch obj := a.GetObject().(type) {
	case *corev1.PersistentVolume:
		obj.Finalizers = with(obj.Finalizers, volumeFinalizer)
	case *corev1.PersistentVolumeClaim:
		obj.Finalizers = with(obj.Finalizers, claimFinalizer)
	}
	return nil
}

// with adds a finalizer once.
func with(finalizers []string, one string) []string {
	if slices.Contains(finalizers, one) {
		return finalizers
	}
	return append(finalizers, one)
}
