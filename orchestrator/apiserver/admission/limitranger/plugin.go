package limitranger

import (
	"context"
	"errors"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/cache"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
)

// Name is the plugin's in --enable-admission-plugins.
const Name = "LimitRanger"

const (
	// lookedUp is how long it is remembered what the apiserver said of a namespace for which the informer has nothing.
	lookedUp = 30 * time.Second
	// remembered is for how many namespaces.
	remembered = 10_000
)

// Register makes the plugin known by its name.
func Register(plugins *admission.Plugins) {
	plugins.Register(Name, func(io.Reader) (admission.Interface, error) { return New(), nil })
}

// Plugin keeps the rules of the package.
type Plugin struct {
	*admission.Handler
	client kubernetes.Interface
	ranges corelisters.LimitRangeLister
	live   *cache.LRUExpireCache // namespace -> []*corev1.LimitRange
}

// New returns a plugin that still wants a client and informers.
func New() *Plugin {
	return &Plugin{Handler: admission.NewHandler(admission.Create, admission.Update), live: cache.NewLRUExpireCache(remembered)}
}

// SetExternalKubeClientSet implements initializer.WantsExternalKubeClientSet.
func (p *Plugin) SetExternalKubeClientSet(c kubernetes.Interface) { p.client = c }

// SetExternalKubeInformerFactory implements initializer.WantsExternalKubeInformerFactory.
func (p *Plugin) SetExternalKubeInformerFactory(f informers.SharedInformerFactory) {
	ranges := f.Core().V1().LimitRanges()
	p.ranges = ranges.Lister()
	p.SetReadyFunc(ranges.Informer().HasSynced)
}

// ValidateInitialization implements admission.InitializationValidator.
func (p *Plugin) ValidateInitialization() error {
	if p.client == nil || p.ranges == nil {
		return errors.New(Name + " needs a client and informers")
	}
	return nil
}

// Admit implements admission.MutationInterface: it sets the defaults.
func (p *Plugin) Admit(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	pod, ok := a.GetObject().(*corev1.Pod)
	if !ok || a.GetOperation() != admission.Create || a.GetSubresource() != "" {
		return nil
	}
	ranges, err := p.of(ctx, a)
	if err != nil {
		return err
	}
	for _, r := range ranges {
		setDefaults(pod, r)
	}
	return nil
}

// Validate implements admission.ValidationInterface.
func (p *Plugin) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	check := checks(a)
	if check == nil {
		return nil
	}
	ranges, err := p.of(ctx, a)
	if err != nil {
		return err
	}
	for _, r := range ranges {
		var faults []error
		for i := range r.Spec.Limits {
			faults = append(faults, check(&r.Spec.Limits[i])...)
		}
		if len(faults) > 0 {
			return admission.NewForbidden(a, utilerrors.NewAggregate(faults))
		}
	}
	return nil
}

// of returns the ranges of a request's namespace. The informer may not have seen the first one yet: so once in a while the
// apiserver is asked about a namespace that seems to have none.
func (p *Plugin) of(ctx context.Context, a admission.Attributes) ([]*corev1.LimitRange, error) {
	if !p.WaitForReady() {
		return nil, admission.NewForbidden(a, errors.New("not yet ready to handle request"))
	}
	ranges, err := p.ranges.LimitRanges(a.GetNamespace()).List(labels.Everything())
	if err != nil {
		return nil, admission.NewForbidden(a, err)
	}
	if len(ranges) > 0 {
		return ranges, nil
	}
	if known, ok := p.live.Get(a.GetNamespace()); ok {
		return known.([]*corev1.LimitRange), nil
	}
	list, err := p.client.CoreV1().LimitRanges(a.GetNamespace()).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, admission.NewForbidden(a, err)
	}
	for i := range list.Items {
		ranges = append(ranges, &list.Items[i])
	}
	p.live.Add(a.GetNamespace(), ranges, lookedUp)
	return ranges, nil
}
