package clustertest

import (
	"context"
	"fmt"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
	"k8s.io/klog/v2"
)

const leaseSeconds = 40

// NodeOptions say how simulated nodes are.
type NodeOptions struct {
	Names    []string
	Capacity v1.ResourceList                // default: 4 CPUs, 16 GiB, 110 pods
	Labels   map[string]string              // beside the usual ones
	Lease    time.Duration                  // between two heartbeats; default 10 s
	Workers  int                            // how many pods are handled at a time; default 16
	Serve    func(name string) (port int32) // the port of a node's kubelet; nil for none
}

// Nodes are simulated nodes and their kubelets.
type Nodes struct {
	client  kubernetes.Interface
	options NodeOptions
	pods    *pods

	mu     sync.Mutex
	alive  map[string]bool
	leases map[string]*coordinationv1.Lease
}

// NewNodes describes nodes; nothing happens before Run.
func NewNodes(client kubernetes.Interface, o NodeOptions) *Nodes {
	if o.Capacity == nil {
		o.Capacity = v1.ResourceList{
			v1.ResourceCPU: resource.MustParse("4"), v1.ResourceMemory: resource.MustParse("16Gi"),
			v1.ResourcePods: resource.MustParse("110"), v1.ResourceEphemeralStorage: resource.MustParse("100Gi"),
		}
	}
	if o.Lease == 0 {
		o.Lease = 10 * time.Second
	}
	if o.Workers == 0 {
		o.Workers = 16
	}
	n := &Nodes{client: client, options: o, alive: map[string]bool{}, leases: map[string]*coordinationv1.Lease{}}
	for _, name := range o.Names {
		n.alive[name] = true
	}
	return n
}

// Run registers the nodes, and keeps them alive and their pods moving until ctx ends. It returns when all are registered; the rest
// goes on beside the caller.
func (n *Nodes) Run(ctx context.Context) error {
	shared := informers.NewSharedInformerFactory(n.client, 0)
	n.pods = newPods(n, shared.Core().V1().Pods())
	shared.Start(ctx.Done())
	if err := eachOf(n.options.Names, 16, func(name string) error { return n.register(ctx, name) }); err != nil {
		return err
	}
	go n.pods.loop.Run(ctx)
	go n.heartbeats(ctx)
	return nil
}

// Fail makes a node fall silent, as one that lost its power.
func (n *Nodes) Fail(name string) { n.set(name, false) }

// Recover brings a silent node back: it reports, and finds out which of its pods shall be no more.
func (n *Nodes) Recover(ctx context.Context, name string) error {
	n.set(name, true)
	n.pods.lookAgain(name)
	return n.register(ctx, name)
}

func (n *Nodes) set(name string, alive bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.alive[name] = alive
}

// lives tells that there is such a node, and that it has not failed.
func (n *Nodes) lives(name string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.alive[name]
}

// register makes a node, or reports the status of one that there is.
func (n *Nodes) register(ctx context.Context, name string) error {
	node := n.node(name)
	_, err := n.client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		err = retry.RetryOnConflict(retry.DefaultBackoff, func() error {
			now, err := n.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			now.Status = node.Status
			_, err = n.client.CoreV1().Nodes().UpdateStatus(ctx, now, metav1.UpdateOptions{})
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("clustertest: register node %s: %w", name, err)
	}
	return n.beat(ctx, name)
}

// node is what a kubelet says of itself.
func (n *Nodes) node(name string) *v1.Node {
	labels := map[string]string{v1.LabelHostname: name, v1.LabelOSStable: "linux", v1.LabelArchStable: "amd64"}
	for k, v := range n.options.Labels {
		labels[k] = v
	}
	now := metav1.Now()
	condition := func(typ v1.NodeConditionType, status v1.ConditionStatus, reason, message string) v1.NodeCondition {
		return v1.NodeCondition{Type: typ, Status: status, Reason: reason, Message: message, LastHeartbeatTime: now, LastTransitionTime: now}
	}
	node := &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Status: v1.NodeStatus{
			Capacity: n.options.Capacity, Allocatable: n.options.Capacity,
			Conditions: []v1.NodeCondition{
				condition(v1.NodeMemoryPressure, v1.ConditionFalse, "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
				condition(v1.NodeDiskPressure, v1.ConditionFalse, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
				condition(v1.NodePIDPressure, v1.ConditionFalse, "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
				condition(v1.NodeReady, v1.ConditionTrue, "KubeletReady", "kubelet is posting ready status"),
			},
			Addresses: []v1.NodeAddress{{Type: v1.NodeInternalIP, Address: "127.0.0.1"}, {Type: v1.NodeHostName, Address: name}},
			NodeInfo:  v1.NodeSystemInfo{KubeletVersion: "v1.37.2", OperatingSystem: "linux", Architecture: "amd64", ContainerRuntimeVersion: "simulated://1", OSImage: "simulated", KernelVersion: "simulated"},
		},
	}
	if n.options.Serve != nil {
		node.Status.DaemonEndpoints.KubeletEndpoint.Port = n.options.Serve(name)
	}
	return node
}

// heartbeats renews all leases, evenly spread over the time between two.
func (n *Nodes) heartbeats(ctx context.Context) {
	for ctx.Err() == nil {
		began := time.Now()
		if err := eachOf(n.options.Names, 8, func(name string) error {
			if !n.lives(name) {
				return nil
			}
			return n.beat(ctx, name)
		}); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Heartbeat failed") // the next one may succeed
		}
		select {
		case <-ctx.Done():
		case <-time.After(max(n.options.Lease-time.Since(began), n.options.Lease/10)):
		}
	}
}

// beat renews the lease of a node, or makes it. It begins with the lease as it was left the last time.
func (n *Nodes) beat(ctx context.Context, name string) error {
	leases := n.client.CoordinationV1().Leases(v1.NamespaceNodeLease)
	lease := n.lease(name)
	lease.Spec.RenewTime = &metav1.MicroTime{Time: time.Now()}
	renewed, err := leases.Update(ctx, lease, metav1.UpdateOptions{})
	if apierrors.IsConflict(err) || apierrors.IsInvalid(err) || apierrors.IsNotFound(err) {
		if have, get := leases.Get(ctx, name, metav1.GetOptions{}); get == nil {
			have.Spec = lease.Spec
			renewed, err = leases.Update(ctx, have, metav1.UpdateOptions{})
		} else if apierrors.IsNotFound(get) {
			lease.ResourceVersion, lease.UID = "", ""
			renewed, err = leases.Create(ctx, lease, metav1.CreateOptions{})
		}
	}
	if err != nil {
		return fmt.Errorf("clustertest: lease of %s: %w", name, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.leases[name] = renewed
	return nil
}

// lease is a node's lease as the apiserver has it, or one to make.
func (n *Nodes) lease(name string) *coordinationv1.Lease {
	n.mu.Lock()
	defer n.mu.Unlock()
	if have, ok := n.leases[name]; ok {
		return have.DeepCopy()
	}
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: v1.NamespaceNodeLease},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &name, LeaseDurationSeconds: new(int32(leaseSeconds))},
	}
}

// eachOf calls f for all names, so many at a time, and returns the first error.
func eachOf(names []string, at int, f func(string) error) (first error) {
	queue := make(chan string)
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range at {
		workers.Go(func() {
			for name := range queue {
				if err := f(name); err != nil {
					mu.Lock()
					if first == nil {
						first = err
					}
					mu.Unlock()
				}
			}
		})
	}
	for _, name := range names {
		queue <- name
	}
	close(queue)
	workers.Wait()
	return first
}
