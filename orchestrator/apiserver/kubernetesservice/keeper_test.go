package kubernetesservice

import (
	"context"
	"net"
	"path"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	basecompatibility "k8s.io/component-base/compatibility"
)

// memory is a storage of leases which end only when they are removed.
type memory struct {
	storage.Interface
	mu     sync.Mutex
	leases map[string]*corev1.Endpoints
}

func (m *memory) GuaranteedUpdate(
	ctx context.Context, key string, _ runtime.Object, _ bool, _ *storage.Preconditions, update storage.UpdateFunc, _ runtime.Object,
) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	is := m.leases[key]
	if is == nil {
		is = &corev1.Endpoints{}
	}
	next, _, err := update(is.DeepCopy(), storage.ResponseMeta{})
	if err != nil {
		return err
	}
	m.leases[key] = next.(*corev1.Endpoints)
	return ctx.Err()
}

func (m *memory) Delete(
	_ context.Context, key string, _ runtime.Object, _ *storage.Preconditions, _ storage.ValidateObjectFunc, _ runtime.Object, _ storage.DeleteOptions,
) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.leases[key] == nil {
		return storage.NewKeyNotFoundError(key, 0)
	}
	delete(m.leases, key)
	return nil
}

func (m *memory) GetList(_ context.Context, _ string, _ storage.ListOptions, into runtime.Object) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, lease := range m.leases {
		list := into.(*corev1.EndpointsList)
		list.Items = append(list.Items, *lease.DeepCopy())
	}
	return nil
}

// world is a keeper and what it works on.
type world struct {
	*Keeper
	leases *memory
}

func newWorld(objects ...runtime.Object) *world {
	m := &memory{leases: map[string]*corev1.Endpoints{}}
	return &world{&Keeper{
		Client: fake.NewClientset(objects...), Storage: m,
		ServiceIP: net.IPv4(10, 0, 0, 1), PublicIP: net.IPv4(192, 0, 2, 7), PublicPort: 6443,
	}, m}
}

// shown are the addresses of the Endpoints and of the EndpointSlice.
func (w *world) shown(t require.TestingT) (endpoints, slice []string) {
	ctx := context.Background()
	e, err := w.Client.CoreV1().Endpoints(metav1.NamespaceDefault).Get(ctx, name, metav1.GetOptions{})
	require.NoError(t, err)
	for _, s := range e.Subsets {
		require.NotEmpty(t, s.Addresses, "a subset of none is refused")
		for _, a := range s.Addresses {
			endpoints = append(endpoints, a.IP)
		}
	}
	s, err := w.Client.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault).Get(ctx, name, metav1.GetOptions{})
	require.NoError(t, err)
	for _, e := range s.Endpoints {
		slice = append(slice, e.Addresses...)
	}
	return endpoints, slice
}

// server is one whose hooks can be run.
func server(t *testing.T) *genericapiserver.GenericAPIServer {
	c := genericapiserver.NewConfig(scheme.Codecs)
	c.ExternalAddress, c.PublicAddress = "192.0.2.7:6443", net.IPv4(192, 0, 2, 7)
	c.LoopbackClientConfig = &rest.Config{}
	c.EffectiveVersion = basecompatibility.NewEffectiveVersionFromString("1.0", "", "")
	c.SkipOpenAPIInstallation = true
	s, err := c.Complete(nil).New("test", genericapiserver.NewEmptyDelegate())
	require.NoError(t, err)
	t.Cleanup(s.Destroy)
	return s
}

// A server is an endpoint while it runs. When it has ended it has no lease, and its address is nowhere, whether others are left or not.
func TestHooks(t *testing.T) {
	for what, others := range map[string][]string{"the last one": nil, "one of two": {"192.0.2.9"}} {
		t.Run(what, func(t *testing.T) {
			w, s := newWorld(), server(t)
			for _, ip := range others {
				require.NoError(t, leases{w.Storage}.renew(context.Background(), ip))
			}
			require.NoError(t, w.AddHooks(s))
			ctx, end := context.WithCancel(context.Background())
			defer end()
			s.RunPostStartHooks(ctx)
			require.EventuallyWithT(t, func(t *assert.CollectT) {
				endpoints, slice := w.shown(t)
				require.Equal(t, append([]string{"192.0.2.7"}, others...), endpoints)
				require.Equal(t, endpoints, slice)
			}, 10*time.Second, time.Millisecond)

			require.NoError(t, s.RunPreShutdownHooks())
			endpoints, slice := w.shown(t)
			require.Equal(t, others, endpoints)
			require.Equal(t, others, slice)
			require.NotContains(t, w.leases.leases, path.Join(LeasePrefix, "192.0.2.7"))
		})
	}
}

// A server that ends while it has not begun has nothing to wait for, and one that others can't reach no hooks.
func TestHooksOfNothing(t *testing.T) {
	s := server(t)
	require.NoError(t, newWorld().AddHooks(s))
	require.NoError(t, s.RunPreShutdownHooks())

	w := newWorld()
	w.PublicIP = net.IPv4(127, 0, 0, 1)
	s = server(t)
	require.NoError(t, w.AddHooks(s))
	require.NotContains(t, s.PostStartHooks(), hookName)
}

// What somebody changed is put right, also where an update can't.
func TestRepairs(t *testing.T) {
	ctx := context.Background()
	w := newWorld(
		&corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: name, Labels: map[string]string{"mine": "yes"}},
			Spec: corev1.ServiceSpec{ClusterIP: "10.0.0.1", Type: corev1.ServiceTypeClusterIP, Ports: []corev1.ServicePort{
				{Name: portName, Port: 444, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(8443)},
			}},
		},
		&discoveryv1.EndpointSlice{
			ObjectMeta:  metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: name, Labels: map[string]string{"old": "yes"}},
			AddressType: discoveryv1.AddressTypeIPv6, Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"fd00::7"}}},
		},
	)
	require.NoError(t, w.sync(ctx))
	svc, err := w.Client.CoreV1().Services(metav1.NamespaceDefault).Get(ctx, name, metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, []corev1.ServicePort{
		{Name: portName, Port: 443, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(6443)},
	}, svc.Spec.Ports)
	require.Contains(t, svc.Labels, "mine")

	slice, err := w.Client.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault).Get(ctx, name, metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, discoveryv1.AddressTypeIPv4, slice.AddressType)
	require.NotContains(t, slice.Labels, "old", "it was made anew")
	_, ips := w.shown(t)
	require.Equal(t, []string{"192.0.2.7"}, ips)

	// What is right is left alone.
	client := w.Client.(*fake.Clientset)
	client.ClearActions()
	require.NoError(t, w.sync(ctx))
	for _, a := range client.Actions() {
		require.Equal(t, "get", a.GetVerb())
	}
}
