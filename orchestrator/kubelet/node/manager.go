package node

import (
	"context"
	"fmt"
	"maps"
	"net"
	"runtime"
	"slices"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	"k8s.io/component-helpers/apimachinery/lease"
	nodeutil "k8s.io/component-helpers/node/util"
	internalapi "k8s.io/cri-api/pkg/apis"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

// Options are what is known of the node.
type Options struct {
	Client kubernetes.Interface
	Name   string

	Register   bool // false: somebody else makes the Node
	Labels     map[string]string
	Taints     []v1.Taint
	ProviderID string

	IPs         []net.IP
	Hostname    string
	Port        int32 // of the kubelet's server; 0: none
	Capacity    v1.ResourceList
	Reserve     Reserve
	MaxImages   int // in the status; negative: all
	UpdateEvery time.Duration
	ReportEvery time.Duration
	LeaseFor    time.Duration

	RuntimeVersion string // name://version
	Images         internalapi.ImageManagerService
	Health         func() Health
	Recorder       record.EventRecorder
	Clock          clock.WithTicker
}

// registerRetry is how soon registration is tried again, at most.
const registerRetry = time.Second

// Manager keeps a node in the apiserver.
type Manager struct {
	o        Options
	informer coreinformers.NodeInformer
	factory  informers.SharedInformerFactory
	woken    chan struct{}

	mu       sync.Mutex
	reported time.Time // when the status was last written
}

// New returns the manager of a node that nobody knows of yet.
func New(o Options) *Manager {
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	f := informers.NewSharedInformerFactoryWithOptions(o.Client, 0, informers.WithTweakListOptions(func(l *metav1.ListOptions) {
		l.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, o.Name).String()
	}))
	m := &Manager{o: o, informer: f.Core().V1().Nodes(), factory: f, woken: make(chan struct{}, 1)}
	m.informer.Informer() // so that the factory starts it
	return m
}

// Node is the node as last seen in the apiserver; nil before it is registered.
func (m *Manager) Node() *v1.Node {
	node, err := m.informer.Lister().Get(m.o.Name)
	if err != nil {
		return nil
	}
	return node
}

// Wake has the status looked at soon: something may have changed.
func (m *Manager) Wake() {
	select {
	case m.woken <- struct{}{}:
	default:
	}
}

// Run registers the node and keeps its lease and status until ctx ends.
func (m *Manager) Run(ctx context.Context) {
	defer m.factory.Shutdown()
	log := klog.FromContext(ctx)
	for retry := 200 * time.Millisecond; m.o.Register; retry = min(2*retry, registerRetry) {
		err := m.register(ctx)
		if err == nil {
			break
		}
		log.Info("Unable to register node with API server; will try again", "node", m.o.Name, "err", err)
		select {
		case <-ctx.Done():
			return
		case <-m.o.Clock.After(retry):
		}
	}
	m.factory.StartWithContext(ctx)
	m.event(v1.EventTypeNormal, "Starting", "Starting kubelet.")
	leases := lease.NewController(m.o.Clock, m.o.Client, m.o.Name, int32(m.o.LeaseFor/time.Second), nil, m.o.LeaseFor/4, m.o.Name,
		v1.NamespaceNodeLease, m.ownLease)
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() { leases.Run(ctx) })
	ticker := m.o.Clock.NewTicker(m.o.UpdateEvery)
	defer ticker.Stop()
	for {
		if err := m.update(ctx); err != nil && ctx.Err() == nil {
			log.V(1).Info("Unable to update node status; will try again", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-m.woken:
		case <-ticker.C():
		}
	}
}

// ownLease makes the node the lease's owner: it goes with the node.
func (m *Manager) ownLease(l *coordinationv1.Lease) error {
	if len(l.OwnerReferences) > 0 {
		return nil
	}
	node, err := m.o.Client.CoreV1().Nodes().Get(context.Background(), m.o.Name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("lease of node %q: %w", m.o.Name, err)
	}
	l.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID}}
	return nil
}

// defaultLabels are those that every node has.
func (m *Manager) defaultLabels() map[string]string {
	return map[string]string{v1.LabelHostname: m.o.Hostname, v1.LabelOSStable: runtime.GOOS, v1.LabelArchStable: runtime.GOARCH}
}

// register makes the node, or finds it and sets what is this kubelet's to set.
func (m *Manager) register(ctx context.Context) error {
	node := &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: m.o.Name, Labels: m.defaultLabels(), Annotations: map[string]string{
			"volumes.kubernetes.io/controller-managed-attach-detach": "true", // a node without it is taken for one that attaches by itself
		}},
		Spec: v1.NodeSpec{ProviderID: m.o.ProviderID, Taints: m.o.Taints},
	}
	maps.Copy(node.Labels, m.o.Labels)
	if err := m.describe(ctx, node); err != nil {
		return err
	}
	_, err := m.o.Client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
	if err == nil {
		klog.FromContext(ctx).Info("Successfully registered node", "node", m.o.Name)
		return nil
	}
	have, getErr := m.o.Client.CoreV1().Nodes().Get(ctx, m.o.Name, metav1.GetOptions{})
	if !apierrors.IsAlreadyExists(err) && getErr != nil {
		return fmt.Errorf("create node: %w", err)
	}
	if getErr != nil {
		return fmt.Errorf("get node: %w", getErr)
	}
	klog.FromContext(ctx).Info("Node was previously registered", "node", m.o.Name)
	want := have.DeepCopy()
	if want.Labels == nil {
		want.Labels = map[string]string{}
	}
	maps.Copy(want.Labels, node.Labels)
	if want.Annotations == nil {
		want.Annotations = map[string]string{}
	}
	maps.Copy(want.Annotations, node.Annotations)
	if equality.Semantic.DeepEqual(have, want) {
		return nil
	}
	if _, err := m.o.Client.CoreV1().Nodes().Update(ctx, want, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("update node: %w", err)
	}
	return nil
}

// update writes the node's status, if it changed or it is time.
func (m *Manager) update(ctx context.Context) error {
	have, err := m.o.Client.CoreV1().Nodes().Get(ctx, m.o.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) && m.o.Register { // deleted under a kubelet that lives
		if err := m.register(ctx); err != nil {
			return err
		}
		have, err = m.o.Client.CoreV1().Nodes().Get(ctx, m.o.Name, metav1.GetOptions{})
	}
	if err != nil {
		return fmt.Errorf("get node: %w", err)
	}
	want := have.DeepCopy()
	if err := m.describe(ctx, want); err != nil {
		return err
	}
	m.mu.Lock()
	due := m.o.Clock.Since(m.reported) >= m.o.ReportEvery
	m.mu.Unlock()
	if !due && same(&have.Status, &want.Status) {
		return nil
	}
	if _, _, err := nodeutil.PatchNodeStatus(m.o.Client.CoreV1(), types.NodeName(m.o.Name), have, want); err != nil {
		return err
	}
	m.mu.Lock()
	m.reported = m.o.Clock.Now()
	m.mu.Unlock()
	m.tellChanges(have, want)
	return nil
}

// same compares statuses without the times of heartbeats.
func same(a, b *v1.NodeStatus) bool {
	a, b = a.DeepCopy(), b.DeepCopy()
	for _, s := range []*v1.NodeStatus{a, b} {
		for i := range s.Conditions {
			s.Conditions[i].LastHeartbeatTime = metav1.Time{}
		}
	}
	return equality.Semantic.DeepEqual(a, b)
}

// describe fills in a node's status.
func (m *Manager) describe(ctx context.Context, node *v1.Node) error {
	s := &node.Status
	if s.Capacity == nil {
		s.Capacity = v1.ResourceList{}
	}
	maps.Copy(s.Capacity, m.o.Capacity)
	allocatable, err := m.o.Reserve.Allocatable(s.Capacity)
	if err != nil {
		return err
	}
	s.Allocatable = allocatable
	s.Addresses = nodeAddresses(m.o.IPs, m.o.Hostname)
	s.NodeInfo = info(m.o.RuntimeVersion)
	s.DaemonEndpoints.KubeletEndpoint.Port = m.o.Port
	s.Images = m.images(ctx, s.Images)
	s.Conditions = conditions(s.Conditions, m.o.Health(), metav1.NewTime(m.o.Clock.Now()))
	return nil
}

// images are the largest of the node's; those reported before if the runtime doesn't say.
func (m *Manager) images(ctx context.Context, before []v1.ContainerImage) []v1.ContainerImage {
	list, err := m.o.Images.ListImages(ctx, nil)
	if err != nil {
		return before
	}
	var out []v1.ContainerImage
	for _, i := range list {
		names := append(slices.Clone(i.GetRepoDigests()), i.GetRepoTags()...)
		if len(names) > 0 {
			out = append(out, v1.ContainerImage{Names: names[:min(len(names), maxImageNames)], SizeBytes: int64(i.GetSize())})
		}
	}
	slices.SortStableFunc(out, func(a, b v1.ContainerImage) int {
		if a.SizeBytes != b.SizeBytes {
			return int(max(-1, min(1, b.SizeBytes-a.SizeBytes)))
		}
		return slices.Compare(a.Names, b.Names)
	})
	if m.o.MaxImages >= 0 && len(out) > m.o.MaxImages {
		out = out[:m.o.MaxImages]
	}
	return out
}

// maxImageNames is how many names of an image the status has, as upstream.
const maxImageNames = 5

func (m *Manager) event(kind, reason, message string) {
	if m.o.Recorder != nil {
		m.o.Recorder.Event(Reference(m.o.Name), kind, reason, message)
	}
}

// Reference is whom events about a node are about: its name is its UID there, as upstream has it.
func Reference(name string) *v1.ObjectReference {
	return &v1.ObjectReference{Kind: "Node", APIVersion: "v1", Name: name, UID: types.UID(name)}
}

// tellChanges records events about conditions that changed.
func (m *Manager) tellChanges(before, now *v1.Node) {
	for _, c := range now.Status.Conditions {
		_, old := nodeutil.GetNodeCondition(&before.Status, c.Type)
		was := v1.ConditionUnknown
		if old != nil {
			was = old.Status
		}
		names, known := eventsOf(c.Type)
		if !known || was == c.Status || (old == nil && c.Type != v1.NodeReady && c.Status != v1.ConditionTrue) {
			continue
		}
		reason := names[0]
		if c.Status != v1.ConditionTrue {
			reason = names[1]
		}
		m.event(v1.EventTypeNormal, reason, fmt.Sprintf("Node %s status is now: %s", m.o.Name, reason))
	}
}

// PodCIDRs are the node's pod ranges; none yet is none.
func PodCIDRs(node *v1.Node) []string {
	if len(node.Spec.PodCIDRs) == 0 && node.Spec.PodCIDR != "" {
		return []string{node.Spec.PodCIDR}
	}
	return node.Spec.PodCIDRs
}
