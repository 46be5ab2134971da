package defaultstorageclass

import (
	"context"
	"errors"
	"io"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/informers"
	storagelisters "k8s.io/client-go/listers/storage/v1"
)

// Name is the plugin's in --enable-admission-plugins.
const Name = "DefaultStorageClass"

const (
	isDefault     = "storageclass.kubernetes.io/is-default-class"
	isDefaultBeta = "storageclass.beta.kubernetes.io/is-default-class"
)

// Register makes the plugin known by its name.
func Register(plugins *admission.Plugins) {
	plugins.Register(Name, func(io.Reader) (admission.Interface, error) { return New(), nil })
}

// Plugin keeps the rule of the package.
type Plugin struct {
	*admission.Handler
	classes storagelisters.StorageClassLister
}

// New returns a plugin that still wants informers.
func New() *Plugin { return &Plugin{Handler: admission.NewHandler(admission.Create)} }

// SetExternalKubeInformerFactory implements initializer.WantsExternalKubeInformerFactory.
func (p *Plugin) SetExternalKubeInformerFactory(f informers.SharedInformerFactory) {
	classes := f.Storage().V1().StorageClasses()
	p.classes = classes.Lister()
	p.SetReadyFunc(classes.Informer().HasSynced)
}

// ValidateInitialization implements admission.InitializationValidator.
func (p *Plugin) ValidateInitialization() error {
	if p.classes == nil {
		return errors.New(Name + " needs informers")
	}
	return nil
}

// Admit implements admission.MutationInterface.
func (p *Plugin) Admit(_ context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	claim, ok := a.GetObject().(*corev1.PersistentVolumeClaim)
	if !ok || a.GetSubresource() != "" || claim.Spec.StorageClassName != nil {
		return nil
	}
	if _, named := claim.Annotations[corev1.BetaStorageClassAnnotation]; named {
		return nil
	}
	if !p.WaitForReady() {
		return admission.NewForbidden(a, errors.New("not yet ready to handle request"))
	}
	class, err := p.defaultClass()
	if err != nil {
		return admission.NewForbidden(a, err)
	}
	if class != nil {
		name := class.Name
		claim.Spec.StorageClassName = &name
	}
	return nil
}

// defaultClass returns nil if there is none.
func (p *Plugin) defaultClass() (newest *storagev1.StorageClass, err error) {
	classes, err := p.classes.List(labels.Everything())
	for _, c := range classes {
		if c.Annotations[isDefault] != "true" && c.Annotations[isDefaultBeta] != "true" {
			continue
		}
		if newest == nil || newer(c, newest) {
			newest = c
		}
	}
	return newest, err
}

// newer orders classes of the same second by name, so that all apiservers choose alike.
func newer(a, b *storagev1.StorageClass) bool {
	if a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.Name < b.Name
	}
	return b.CreationTimestamp.Before(&a.CreationTimestamp)
}
