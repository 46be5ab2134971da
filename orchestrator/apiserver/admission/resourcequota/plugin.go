package resourcequota

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/cache"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apiserver/pkg/admission"
	quotav1 "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/keymutex"

	"github.com/petcd/petcd/orchestrator/quota"
)

// Name is the plugin's in --enable-admission-plugins.
const Name = "ResourceQuota"

const (
	// lookedUp is how long it is remembered what the apiserver said of a namespace for which the informer has nothing.
	lookedUp = 30 * time.Second
	// remembered is for how many namespaces, and of how many quotas it is known what was written last.
	remembered = 10_000
	// refundTimeout is how long a request that is refused may go on for giving back what it was charged.
	refundTimeout = 10 * time.Second
)

// Register makes the plugin known by its name.
func Register(plugins *admission.Plugins) {
	plugins.Register(Name, func(io.Reader) (admission.Interface, error) { return New(clock.RealClock{}), nil })
}

// Plugin keeps the rules of the package.
type Plugin struct {
	*admission.Handler
	client  kubernetes.Interface
	quotas  corelisters.ResourceQuotaLister
	clock   clock.PassiveClock
	live    *cache.LRUExpireCache // namespace -> []*corev1.ResourceQuota
	written *cache.LRUExpireCache // namespace/name -> *corev1.ResourceQuota
	locks   keymutex.KeyMutex     // by namespace/name: requests of one apiserver need not compete by compare-and-swap
}

// New returns a plugin that still wants a client and informers.
func New(c clock.PassiveClock) *Plugin {
	return &Plugin{
		Handler: admission.NewHandler(admission.Create, admission.Update),
		clock:   c,
		live:    cache.NewLRUExpireCacheWithClock(remembered, c),
		written: cache.NewLRUExpireCacheWithClock(remembered, c),
		locks:   keymutex.NewHashed(0),
	}
}

// SetExternalKubeClientSet implements initializer.WantsExternalKubeClientSet.
func (p *Plugin) SetExternalKubeClientSet(c kubernetes.Interface) { p.client = c }

// SetExternalKubeInformerFactory implements initializer.WantsExternalKubeInformerFactory.
func (p *Plugin) SetExternalKubeInformerFactory(f informers.SharedInformerFactory) {
	quotas := f.Core().V1().ResourceQuotas()
	p.quotas = quotas.Lister()
	p.SetReadyFunc(quotas.Informer().HasSynced)
}

// ValidateInitialization implements admission.InitializationValidator.
func (p *Plugin) ValidateInitialization() error {
	if p.client == nil || p.quotas == nil {
		return errors.New(Name + " needs a client and informers")
	}
	return nil
}

// Validate implements admission.ValidationInterface.
func (p *Plugin) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if a.GetNamespace() == "" || a.GetSubresource() != "" { // no subresource changes how much there is
		return nil
	}
	if !p.WaitForReady() {
		return admission.NewForbidden(a, errors.New("not yet ready to handle request"))
	}
	quotas, err := p.of(ctx, a.GetNamespace())
	if err != nil {
		return admission.NewForbidden(a, err)
	}
	var charged []bill
	for _, q := range quotas {
		b, err := p.bill(a, q)
		if err == nil {
			err = p.charge(ctx, b, a.IsDryRun())
		}
		if err != nil {
			p.refund(ctx, charged, a.IsDryRun())
			return admission.NewForbidden(a, err)
		}
		charged = append(charged, b)
	}
	return nil
}

// of returns the quotas of a namespace. The informer may not have seen the first one yet: so once in a while the apiserver is
// asked about a namespace that seems to have none.
func (p *Plugin) of(ctx context.Context, namespace string) ([]*corev1.ResourceQuota, error) {
	quotas, err := p.quotas.ResourceQuotas(namespace).List(labels.Everything())
	if err != nil || len(quotas) > 0 {
		return quotas, err
	}
	if known, ok := p.live.Get(namespace); ok {
		return known.([]*corev1.ResourceQuota), nil
	}
	list, err := p.client.CoreV1().ResourceQuotas(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for i := range list.Items {
		quotas = append(quotas, &list.Items[i])
	}
	p.live.Add(namespace, quotas, lookedUp)
	return quotas, nil
}

// bill is what a request adds to one quota. What an update makes smaller is negative.
type bill struct {
	quota  *corev1.ResourceQuota
	amount corev1.ResourceList
}

// bill compares what an update leaves with what was there; a new pod must also say enough to be counted.
func (p *Plugin) bill(a admission.Attributes, q *corev1.ResourceQuota) (bill, error) {
	is, err := p.usage(a, q, a.GetObject())
	if err != nil {
		return bill{}, err
	}
	if a.GetOperation() == admission.Create {
		if pod, ok := a.GetObject().(*corev1.Pod); ok && len(is) > 0 {
			if err := quota.Unstated(q, pod); err != nil {
				return bill{}, fmt.Errorf("failed quota: %s: %w", q.Name, err)
			}
		}
		return bill{q, is}, nil
	}
	was, err := p.usage(a, q, a.GetOldObject())
	return bill{q, quotav1.Subtract(is, was)}, err
}

// usage is what an object counts as for a quota; nothing if it isn't in the quota's scopes.
func (p *Plugin) usage(a admission.Attributes, q *corev1.ResourceQuota, obj runtime.Object) (corev1.ResourceList, error) {
	if obj == nil {
		return nil, nil
	}
	matches, err := quota.Matches(q, obj)
	if err != nil || !matches {
		return nil, err
	}
	return quota.UsageOf(a.GetResource().GroupResource(), obj, p.clock.Now()), nil
}

// refund takes back what was charged before another quota refused, even if the client has gone meanwhile. What fails here the
// resource quota controller puts right.
func (p *Plugin) refund(ctx context.Context, charged []bill, dryRun bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refundTimeout)
	defer cancel()
	for _, b := range charged {
		b.amount = quotav1.Subtract(nil, b.amount)
		if err := p.charge(ctx, b, dryRun); err != nil {
			utilruntime.HandleErrorWithContext(ctx, err, "Refund failed", "quota", b.quota.Name, "namespace", b.quota.Namespace)
		}
	}
}
