package namespacelifecycle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/utils/clock"
)

// Name is the plugin's in --enable-admission-plugins.
const Name = "NamespaceLifecycle"

const (
	// distrust is how long after a deletion the informer isn't believed that the namespace is active.
	distrust = 30 * time.Second
	// distrusted is of how many namespaces that is remembered.
	distrusted = 100
)

// Register makes the plugin known by its name.
func Register(plugins *admission.Plugins) {
	plugins.Register(Name, func(io.Reader) (admission.Interface, error) { return New(clock.RealClock{}), nil })
}

// Plugin keeps the rules of the package.
type Plugin struct {
	*admission.Handler
	client     kubernetes.Interface
	namespaces corelisters.NamespaceLister
	immortal   sets.Set[string]
	deleted    *cache.LRUExpireCache // names
}

// New returns a plugin that still wants a client and informers.
func New(c clock.PassiveClock) *Plugin {
	return &Plugin{
		Handler:  admission.NewHandler(admission.Create, admission.Delete),
		immortal: sets.New(metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic),
		deleted:  cache.NewLRUExpireCacheWithClock(distrusted, c),
	}
}

// SetExternalKubeClientSet implements initializer.WantsExternalKubeClientSet.
func (p *Plugin) SetExternalKubeClientSet(c kubernetes.Interface) { p.client = c }

// SetExternalKubeInformerFactory implements initializer.WantsExternalKubeInformerFactory.
func (p *Plugin) SetExternalKubeInformerFactory(f informers.SharedInformerFactory) {
	namespaces := f.Core().V1().Namespaces()
	p.namespaces = namespaces.Lister()
	p.SetReadyFunc(namespaces.Informer().HasSynced)
}

// ValidateInitialization implements admission.InitializationValidator.
func (p *Plugin) ValidateInitialization() error {
	if p.client == nil || p.namespaces == nil {
		return errors.New(Name + " needs a client and informers")
	}
	return nil
}

// Admit implements admission.MutationInterface. It changes nothing, but comes before what does.
func (p *Plugin) Admit(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	resource := a.GetResource().GroupResource()
	if resource == corev1.Resource("namespaces") {
		if a.GetOperation() != admission.Delete || a.GetSubresource() != "" {
			return nil
		}
		return p.deleting(a)
	}
	// That a namespace is missing would tell those who may not know, if access reviews told it.
	if a.GetNamespace() == "" || a.GetOperation() != admission.Create ||
		resource == authorizationv1.Resource("localsubjectaccessreviews") {
		return nil
	}
	if !p.WaitForReady() {
		return admission.NewForbidden(a, errors.New("not yet ready to handle request"))
	}
	namespace, err := p.find(ctx, a.GetNamespace())
	if err != nil {
		return err
	}
	if namespace.Status.Phase == corev1.NamespaceTerminating {
		return terminating(a)
	}
	return nil
}

// deleting lets all but the immortal namespaces go, and remembers which.
func (p *Plugin) deleting(a admission.Attributes) error {
	if p.immortal.Has(a.GetName()) {
		return apierrors.NewForbidden(a.GetResource().GroupResource(), a.GetName(), errors.New("this namespace may not be deleted"))
	}
	p.deleted.Add(a.GetName(), true, distrust)
	return nil
}

// find returns a namespace as the informer has it, or as it is if the informer is not to be relied on.
func (p *Plugin) find(ctx context.Context, name string) (*corev1.Namespace, error) {
	namespace, err := p.namespaces.Get(name)
	switch {
	case err != nil && !apierrors.IsNotFound(err):
		return nil, apierrors.NewInternalError(err)
	case err == nil:
		_, stale := p.deleted.Get(name)
		if !stale || namespace.Status.Phase == corev1.NamespaceTerminating {
			return namespace, nil
		}
	}
	namespace, err = p.client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, apierrors.NewInternalError(err)
	}
	return namespace, err
}

// terminating is the refusal that controllers know by its cause: there is no use in trying again.
func terminating(a admission.Attributes) error {
	err := admission.NewForbidden(a,
		fmt.Errorf("unable to create new content in namespace %s because it is being terminated", a.GetNamespace()))
	if status := new(apierrors.StatusError); errors.As(err, &status) && status.ErrStatus.Details != nil {
		status.ErrStatus.Details.Causes = append(status.ErrStatus.Details.Causes, metav1.StatusCause{
			Type:    corev1.NamespaceTerminatingCause,
			Message: fmt.Sprintf("namespace %s is being terminated", a.GetNamespace()),
			Field:   "metadata.namespace",
		})
	}
	return err
}
