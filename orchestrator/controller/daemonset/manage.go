package daemonset

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/petcd/petcd/orchestrator/controller"
)

// misplaced returns the nodes that want a pod and the pods that are where none shall be, or one too many, or ended.
func (p *pass) misplaced(ctx context.Context) (want []*v1.Node, unwanted []*v1.Pod) {
	known := map[string]bool{}
	for _, node := range p.all {
		known[node.Name] = true
		run, stay := p.fits(ctx, node)
		pods := p.byNode[node.Name]
		switch {
		case !stay:
			unwanted = append(unwanted, staying(pods)...)
		case len(pods) > 0:
			unwanted = append(unwanted, p.superfluous(node, pods)...)
		case run:
			want = append(want, node)
		}
	}
	for name, pods := range p.byNode {
		if name == "" || known[name] {
			continue
		}
		for _, pod := range staying(pods) {
			if pod.Spec.NodeName == "" { // it waits for a node that is gone; those that were bound are the pod collector's
				unwanted = append(unwanted, pod)
			}
		}
	}
	return want, unwanted
}

// superfluous returns the pods of one node that have ended or are more than the node shall have.
func (p *pass) superfluous(node *v1.Node, pods []*v1.Pod) (unwanted []*v1.Pod) {
	var running []*v1.Pod
	for _, pod := range staying(pods) {
		switch pod.Status.Phase {
		case v1.PodFailed:
			if p.mayKill(node, pod) {
				unwanted = append(unwanted, pod)
			}
		case v1.PodSucceeded:
			p.events.Eventf(p.ds, v1.EventTypeNormal, "SucceededDaemonPod",
				"Found succeeded daemon pod %s/%s on node %s, will try to delete it", pod.Namespace, pod.Name, node.Name)
			unwanted = append(unwanted, pod)
		default:
			running = append(running, pod)
		}
	}
	if len(running) < 2 {
		return unwanted
	}
	if surge, _ := p.limits(1); surge == 0 {
		return append(unwanted, running[1:]...)
	}
	// A surge has two: the oldest of the new template and the oldest of another, which goes when it is not needed any more.
	var fresh, old *v1.Pod
	for _, pod := range running {
		switch {
		case p.updated(pod) && fresh == nil:
			fresh = pod
		case !p.updated(pod) && old == nil:
			old = pod
		default:
			unwanted = append(unwanted, pod)
		}
	}
	if fresh != nil && old != nil && (!controller.Ready(old) || p.available(fresh)) {
		unwanted = append(unwanted, old)
	}
	return unwanted
}

// mayKill tells that a failed pod may be deleted, to be made anew. One that fails again and again has to wait, longer each time.
func (p *pass) mayKill(node *v1.Node, pod *v1.Pod) bool {
	id := fmt.Sprintf("%s/%d/%s", p.ds.UID, p.ds.Status.ObservedGeneration, node.Name)
	if p.failures.IsInBackOffSinceUpdate(id, p.now) {
		p.lookAgain(p.failures.Get(id))
		return false
	}
	p.failures.GC()
	p.failures.Next(id, p.now)
	p.events.Eventf(p.ds, v1.EventTypeWarning, "FailedDaemonPod",
		"Found failed daemon pod %s/%s on node %s, will try to kill it", pod.Namespace, pod.Name, node.Name)
	return true
}

// staying returns the pods that are not being deleted.
func staying(pods []*v1.Pod) (list []*v1.Pod) {
	for _, pod := range pods {
		if pod.DeletionTimestamp == nil {
			list = append(list, pod)
		}
	}
	return list
}

// apply creates pods for nodes and deletes pods.
func (p *pass) apply(ctx context.Context, nodes []*v1.Node, pods []*v1.Pod) error {
	nodes, pods = nodes[:min(len(nodes), burst)], pods[:min(len(pods), burst)]
	p.expected.ExpectCreations(p.key, len(nodes))
	for _, pod := range pods {
		p.expected.ExpectDeletion(p.key, pod.UID)
	}
	var next atomic.Int64
	made, err := controller.SlowStart(len(nodes), func() error {
		node := nodes[next.Add(1)-1]
		_, err := p.pods.CreatePod(ctx, p.ds, p.podFor(node.Name))
		if apierrors.HasStatusCause(err, v1.NamespaceTerminatingCause) {
			return nil // the set goes with its namespace; its expectation with it
		}
		return err
	})
	for range len(nodes) - made {
		p.expected.Created(p.key) // no informer will show it
	}
	errs := make([]error, len(pods))
	var deletions sync.WaitGroup
	for i, pod := range pods {
		deletions.Go(func() {
			deleted, err := p.pods.Delete(ctx, p.ds, pod)
			if !deleted {
				p.expected.Deleted(p.key, pod.UID)
			}
			errs[i] = err
		})
	}
	deletions.Wait()
	return errors.Join(append(errs, err)...)
}
