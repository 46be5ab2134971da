package namespace

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/petcd/petcd/orchestrator/controller"
)

const (
	workers = 10
	// settle is how long after its deletion a namespace is emptied at the earliest. By then no apiserver lets anything new in.
	settle = 5 * time.Second
	// again is how soon we look whether what remains is gone: pods take their time to end, and finalizers belong to others.
	again = 5 * time.Second
)

// Controller finalizes namespaces.
type Controller struct {
	env  *controller.Env
	loop *controller.Loop
}

// New returns the namespace controller. It needs Metadata and Discovery, which must not answer from a cache.
func New(env *controller.Env) controller.Runner { return newController(env).loop }

func newController(env *controller.Env) *Controller {
	c := &Controller{env: env}
	informer := env.Informers.Core().V1().Namespaces().Informer()
	c.loop = controller.NewLoop("namespace", workers, c.sync, informer.HasSynced)
	controller.On[*corev1.Namespace]{Add: c.added, Update: c.changed}.Watch(informer)
	return c
}

func (c *Controller) added(ns *corev1.Namespace) {
	if held(ns) {
		c.loop.AddAfter(ns.Name, max(0, ns.DeletionTimestamp.Add(settle).Sub(c.env.Clock.Now())))
	}
}

// changed looks at a namespace only when it begins to wait for us. What comes after is our own writing of its status, and to answer
// that with another round would never end; the loop itself comes back to what is not done.
func (c *Controller) changed(old, ns *corev1.Namespace) {
	if !held(old) || old.UID != ns.UID {
		c.added(ns)
	}
}

// held tells that a namespace is being deleted and waits for us.
func held(ns *corev1.Namespace) bool {
	return ns.DeletionTimestamp != nil && slices.Contains(ns.Spec.Finalizers, corev1.FinalizerKubernetes)
}

func (c *Controller) sync(ctx context.Context, name string) error {
	// Read afresh: what is in the cache may be another namespace of that name by now.
	ns, err := c.env.Client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("namespace %s: %w", name, err)
	}
	if !held(ns) {
		return nil
	}
	r := c.empty(ctx, name)
	if ns, err = c.report(ctx, ns, r); err != nil {
		return err
	}
	if err := r.failure(); err != nil {
		return fmt.Errorf("empty namespace %s: %w", name, err)
	}
	if len(r.remaining) > 0 {
		return controller.Later(again)
	}
	ns.Spec.Finalizers = slices.DeleteFunc(ns.Spec.Finalizers, func(f corev1.FinalizerName) bool { return f == corev1.FinalizerKubernetes })
	if _, err := c.env.Client.CoreV1().Namespaces().Finalize(ctx, ns, metav1.UpdateOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("finalize namespace %s: %w", name, err)
	}
	return nil
}

// report writes into the status what came of emptying a namespace, if that is news, and returns the namespace as it is then.
func (c *Controller) report(ctx context.Context, ns *corev1.Namespace, r *result) (*corev1.Namespace, error) {
	changed := ns.Status.Phase != corev1.NamespaceTerminating
	ns.Status.Phase = corev1.NamespaceTerminating
	for _, condition := range r.conditions() {
		if set(&ns.Status.Conditions, condition, metav1.NewTime(c.env.Clock.Now())) {
			changed = true
		}
	}
	if !changed {
		return ns, nil
	}
	updated, err := c.env.Client.CoreV1().Namespaces().UpdateStatus(ctx, ns, metav1.UpdateOptions{})
	if err != nil {
		return nil, fmt.Errorf("status of namespace %s: %w", ns.Name, err)
	}
	return updated, nil
}
