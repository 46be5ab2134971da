package resourcequota

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/wait"
	quotav1 "k8s.io/apiserver/pkg/quota/v1"
)

// contention is how a charge tries again when others change the quota too.
var contention = wait.Backoff{Steps: 10, Duration: 2 * time.Millisecond, Factor: 2, Jitter: 1}

// charge adds a bill to its quota's status, or returns why there is no room.
func (p *Plugin) charge(ctx context.Context, b bill, dryRun bool) error {
	key := b.quota.Namespace + "/" + b.quota.Name
	p.locks.LockKey(key)
	defer func() { _ = p.locks.UnlockKey(key) }() // it fails only for what is not locked

	client := p.client.CoreV1().ResourceQuotas(b.quota.Namespace)
	q, certain := p.latest(key, b.quota), false
	err := wait.ExponentialBackoffWithContext(ctx, contention, func(ctx context.Context) (done bool, err error) {
		if certain {
			if q, err = client.Get(ctx, b.quota.Name, metav1.GetOptions{}); err != nil {
				return apierrors.IsNotFound(err), ignoreNotFound(err)
			}
		}
		next, refusal := add(q, b.amount)
		switch {
		case refusal != nil && certain:
			return false, refusal
		case refusal != nil:
			certain = true
			return false, nil
		case next == nil || dryRun:
			return true, nil
		}
		stored, err := client.UpdateStatus(ctx, next, metav1.UpdateOptions{})
		switch {
		case apierrors.IsConflict(err):
			certain = true
			return false, nil
		case err != nil:
			return apierrors.IsNotFound(err), ignoreNotFound(err)
		}
		p.written.Add(key, stored, lookedUp)
		return true, nil
	})
	if wait.Interrupted(err) && ctx.Err() == nil {
		return apierrors.NewConflict(corev1.Resource("resourcequotas"), b.quota.Name,
			errors.New("too many requests change it at the same time"))
	}
	return err
}

// ignoreNotFound is for quotas that go while they are charged: they limit no more.
func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// latest is the newer one of what the informer shows and of what was written last.
func (p *Plugin) latest(key string, shown *corev1.ResourceQuota) *corev1.ResourceQuota {
	v, ok := p.written.Get(key)
	if !ok {
		return shown
	}
	written := v.(*corev1.ResourceQuota)
	order, err := resourceversion.CompareResourceVersion(written.ResourceVersion, shown.ResourceVersion)
	if err != nil || order <= 0 || written.UID != shown.UID {
		return shown
	}
	return written
}

// add returns a quota with so much more used; nil if nothing of it is limited. The error tells why there is no room.
func add(q *corev1.ResourceQuota, amount corev1.ResourceList) (*corev1.ResourceQuota, error) {
	part := quotav1.RemoveZeros(quotav1.Mask(amount, quotav1.ResourceNames(q.Status.Hard)))
	if len(part) == 0 {
		return nil, nil
	}
	var unknown []string
	var exceeded []corev1.ResourceName
	next := q.DeepCopy()
	for name, n := range part {
		used, known := next.Status.Used[name]
		if !known {
			if n.Sign() > 0 { // what shrinks needs no room, and its controller will count what is left
				unknown = append(unknown, string(name))
			}
			continue
		}
		used.Add(n)
		if hard := q.Status.Hard[name]; n.Sign() > 0 && used.Cmp(hard) > 0 {
			exceeded = append(exceeded, name)
		}
		if used.Sign() < 0 { // its controller has added up meanwhile
			used = resource.Quantity{Format: used.Format}
		}
		next.Status.Used[name] = used
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return nil, fmt.Errorf("status unknown for quota: %s, resources: %s", q.Name, strings.Join(unknown, ","))
	}
	if len(exceeded) > 0 {
		return nil, fmt.Errorf("exceeded quota: %s, requested: %s, used: %s, limited: %s", q.Name,
			show(quotav1.Mask(part, exceeded)), show(quotav1.Mask(q.Status.Used, exceeded)), show(quotav1.Mask(q.Status.Hard, exceeded)))
	}
	return next, nil
}

// show writes a list as in "cpu=1,pods=2".
func show(list corev1.ResourceList) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(list)) {
		n := list[name]
		parts = append(parts, fmt.Sprintf("%s=%s", name, n.String()))
	}
	return strings.Join(parts, ",")
}
