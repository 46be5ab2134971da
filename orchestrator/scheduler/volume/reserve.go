package volume

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	volumehelpers "k8s.io/component-helpers/storage/volume"
)

const (
	// bindTimeout is how long a pod waits for its volumes once they were asked for; after it, it is scheduled anew.
	bindTimeout = 10 * time.Minute
	// bindPoll is how often the claims are looked at meanwhile.
	bindPoll = 250 * time.Millisecond
)

// Reservation is what a pod's claims get on the node that was chosen for it.
type Reservation struct {
	binder  *Binder
	choices []choice
}

// Reserve holds volumes for a pod on a node. It finds none for a pod without claims that wait, which is no error.
func (b *Binder) Reserve(pod *v1.Pod, node *v1.Node) (*Reservation, error) {
	claims, err := b.Look(pod)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	r := &Reservation{binder: b}
	if len(claims.waiting) == 0 {
		return r, nil
	}
	choices, reason := claims.match(node)
	if reason != "" {
		return nil, fmt.Errorf("%s: %s", node.Name, reason)
	}
	r.choices = choices
	for _, c := range choices {
		if c.volume != nil {
			b.taken[c.volume.Name] = c.volume
		}
	}
	return r, nil
}

// Release gives up what is held. After a Commit the apiserver holds it.
func (r *Reservation) Release() {
	r.binder.mu.Lock()
	defer r.binder.mu.Unlock()
	for _, c := range r.choices {
		if c.volume != nil {
			delete(r.binder.taken, c.volume.Name)
		}
	}
}

// Commit writes the choices into claims and volumes, and waits until all claims are bound. The node's name is the pod's to be.
func (r *Reservation) Commit(ctx context.Context, node string) error {
	if len(r.choices) == 0 {
		return nil
	}
	for i := range r.choices {
		if err := r.write(ctx, &r.choices[i], node); err != nil {
			return err
		}
	}
	deadline := r.binder.clock.Now().Add(bindTimeout)
	for {
		done, err := r.bound(node)
		if err != nil || done {
			return err
		}
		if r.binder.clock.Now().After(deadline) {
			return fmt.Errorf("volumes were not bound within %v", bindTimeout)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.binder.clock.After(bindPoll):
		}
	}
}

// write names the claim on a volume that exists, or the node on a claim that needs one.
func (r *Reservation) write(ctx context.Context, c *choice, node string) error {
	if c.volume != nil {
		pv, changed, err := volumehelpers.GetBindVolumeToClaim(c.volume, c.claim)
		if err != nil {
			return fmt.Errorf("bind volume %s: %w", c.volume.Name, err)
		}
		if !changed {
			return nil
		}
		if _, err := r.binder.client.CoreV1().PersistentVolumes().Update(ctx, pv, metav1.UpdateOptions{}); err != nil {
			return fmt.Errorf("bind volume %s: %w", pv.Name, err)
		}
		return nil
	}
	if c.claim.Annotations[volumehelpers.AnnSelectedNode] == node {
		c.since = c.claim.ResourceVersion
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": c.claim.UID, "annotations": map[string]string{volumehelpers.AnnSelectedNode: node},
	}})
	if err != nil {
		return fmt.Errorf("claim %s: %w", c.claim.Name, err)
	}
	written, err := r.binder.client.CoreV1().PersistentVolumeClaims(c.claim.Namespace).
		Patch(ctx, c.claim.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("claim %s: %w", c.claim.Name, err)
	}
	c.since = written.ResourceVersion
	return nil
}

// bound tells that all claims have their volumes. An error means that they will not get them for this node.
func (r *Reservation) bound(node string) (bool, error) {
	for _, c := range r.choices {
		claim, err := r.binder.claims.PersistentVolumeClaims(c.claim.Namespace).Get(c.claim.Name)
		switch {
		case err != nil:
			return false, fmt.Errorf("claim %s: %w", c.claim.Name, err)
		case bound(claim):
		case c.volume == nil && claim.Annotations[volumehelpers.AnnSelectedNode] != node && c.told(claim): // the provisioner took it back
			return false, fmt.Errorf("claim %s: no volume can be provisioned for node %s", claim.Name, node)
		default:
			return false, nil
		}
	}
	return true, nil
}

// told tells that a claim is as it was when the node was named on it, or later. The informer may show what was before for a while.
func (c *choice) told(claim *v1.PersistentVolumeClaim) bool {
	order, err := resourceversion.CompareResourceVersion(claim.ResourceVersion, c.since)
	return err == nil && order >= 0
}
