package environment

import (
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
)

func TestExpand(t *testing.T) {
	values := map[string]string{"A": "1", "B": "$(A)", "EMPTY": "", "a.b": "dot"}
	lookup := func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}
	for text, want := range map[string]string{
		"":               "",
		"plain":          "plain",
		"$(A)":           "1",
		"x$(A)y$(A)z":    "x1y1z",
		"$(B)":           "$(A)", // no second time
		"$(EMPTY)":       "",
		"$(a.b)":         "dot",
		"$(NONE)":        "$(NONE)",
		"$$(A)":          "$(A)",
		"$$$(A)":         "$1",
		"$$$$(A)":        "$$(A)",
		"$$":             "$",
		"$":              "$",
		"a$":             "a$",
		"$A":             "$A",
		"$(A":            "$(A",
		"$(A$(A)":        "$(A$(A)",
		"$()":            "$()",
		"$( A)":          "$( A)",
		"$(A)$":          "1$",
		"price: 5$, $()": "price: 5$, $()",
	} {
		require.Equal(t, want, Expand(text, lookup), text)
	}
}

func FuzzExpand(f *testing.F) {
	f.Add("$(A)$$(B)$($")
	f.Fuzz(func(t *testing.T, text string) {
		Expand(text, func(name string) (string, bool) { return "$(" + name + ")", true }) // ends, without a panic
	})
}

func service(namespace, name, ip string, ports ...v1.ServicePort) *v1.Service {
	return &v1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1.ServiceSpec{ClusterIP: ip, Ports: ports}}
}

// builder knows objects, and these Services.
func builder(t *testing.T, services []*v1.Service, objects ...runtime.Object) *Builder {
	t.Helper()
	index := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	for _, s := range services {
		require.NoError(t, index.Add(s))
	}
	return New(Options{Client: fake.NewClientset(objects...), Services: corelisters.NewServiceLister(index)})
}

// env is what a container sees, as NAME=value.
func env(t *testing.T, b *Builder, pod *v1.Pod, c *v1.Container) []string {
	t.Helper()
	all, err := b.Env(t.Context(), pod, c, Facts{PodIPs: []string{"10.0.0.1", "fd00::1"}, HostIPs: []string{"192.168.0.1"}})
	require.NoError(t, err)
	lines := []string{}
	for _, e := range all {
		lines = append(lines, e.Key+"="+string(e.Value))
	}
	return lines
}

func TestPodsWaitForServices(t *testing.T) {
	b := New(Options{Services: builder(t, nil).o.Services, Synced: func() bool { return false }})
	pod := &v1.Pod{}
	_, err := b.Env(t.Context(), pod, &v1.Container{}, Facts{})
	require.ErrorContains(t, err, "services have not yet been read at least once")
	pod.Annotations = map[string]string{"kubernetes.io/config.source": "file"}
	_, err = b.Env(t.Context(), pod, &v1.Container{}, Facts{})
	require.NoError(t, err, "a static pod may be the apiserver itself")
}

func TestServices(t *testing.T) {
	b := builder(t, []*v1.Service{
		service("default", "kubernetes", "10.96.0.1", v1.ServicePort{Name: "https", Port: 443, Protocol: v1.ProtocolTCP}),
		service("default", "other", "10.96.0.2", v1.ServicePort{Port: 1}),
		service("ns", "my-dns", "fd00::5", v1.ServicePort{Name: "dns", Port: 53, Protocol: v1.ProtocolUDP}, v1.ServicePort{Name: "dns-tcp", Port: 53, Protocol: v1.ProtocolTCP}),
		service("ns", "headless", v1.ClusterIPNone, v1.ServicePort{Port: 1}),
		service("ns", "external", "", v1.ServicePort{Port: 1}),
	})
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns"}}
	apiserver := []string{
		"KUBERNETES_SERVICE_HOST=10.96.0.1", "KUBERNETES_SERVICE_PORT=443", "KUBERNETES_SERVICE_PORT_HTTPS=443",
		"KUBERNETES_PORT=tcp://10.96.0.1:443", "KUBERNETES_PORT_443_TCP=tcp://10.96.0.1:443", "KUBERNETES_PORT_443_TCP_PROTO=tcp",
		"KUBERNETES_PORT_443_TCP_PORT=443", "KUBERNETES_PORT_443_TCP_ADDR=10.96.0.1",
	}
	require.Equal(t, append(apiserver,
		"MY_DNS_SERVICE_HOST=fd00::5", "MY_DNS_SERVICE_PORT=53", "MY_DNS_SERVICE_PORT_DNS=53", "MY_DNS_SERVICE_PORT_DNS_TCP=53",
		"MY_DNS_PORT=udp://[fd00::5]:53",
		"MY_DNS_PORT_53_UDP=udp://[fd00::5]:53", "MY_DNS_PORT_53_UDP_PROTO=udp", "MY_DNS_PORT_53_UDP_PORT=53", "MY_DNS_PORT_53_UDP_ADDR=fd00::5",
		"MY_DNS_PORT_53_TCP=tcp://[fd00::5]:53", "MY_DNS_PORT_53_TCP_PROTO=tcp", "MY_DNS_PORT_53_TCP_PORT=53", "MY_DNS_PORT_53_TCP_ADDR=fd00::5",
	), env(t, b, pod, &v1.Container{}))

	pod.Spec.EnableServiceLinks = ptr.To(false)
	require.Equal(t, apiserver, env(t, b, pod, &v1.Container{}), "the apiserver every pod finds")
	own := &v1.Container{Env: []v1.EnvVar{{Name: "KUBERNETES_SERVICE_HOST", Value: "own"}, {Name: "U", Value: "$(KUBERNETES_SERVICE_HOST):$(KUBERNETES_SERVICE_PORT)"}}}
	got := env(t, b, pod, own)
	require.Contains(t, got, "KUBERNETES_SERVICE_HOST=own")
	require.Contains(t, got, "U=own:443")
	require.Len(t, got, len(apiserver)+1)
	require.Empty(t, env(t, New(Options{}), pod, &v1.Container{}), "without an apiserver")
}

func TestSources(t *testing.T) {
	b := builder(t, nil,
		&v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "cm"}, Data: map[string]string{"A": "cm", "B": "cm", "not=a name": "x", "a.b-c": "dots"}},
		&v1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "s"}, Data: map[string][]byte{"B": []byte("secret")}})
	b.o.Allocatable = func() v1.ResourceList { return v1.ResourceList{v1.ResourceMemory: resource.MustParse("1Gi")} }
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", UID: "u", Labels: map[string]string{"app": "web"}},
		Spec:       v1.PodSpec{NodeName: "n", ServiceAccountName: "sa"},
	}
	cm, s := v1.LocalObjectReference{Name: "cm"}, v1.LocalObjectReference{Name: "s"}
	none := v1.LocalObjectReference{Name: "none"}
	field := func(path string) *v1.EnvVarSource {
		return &v1.EnvVarSource{FieldRef: &v1.ObjectFieldSelector{FieldPath: path}}
	}
	c := &v1.Container{
		Name: "c", Resources: v1.ResourceRequirements{Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse("1100m")}},
		EnvFrom: []v1.EnvFromSource{
			{ConfigMapRef: &v1.ConfigMapEnvSource{LocalObjectReference: cm}},
			{SecretRef: &v1.SecretEnvSource{LocalObjectReference: s}},
			{Prefix: "P_", SecretRef: &v1.SecretEnvSource{LocalObjectReference: s}},
			{SecretRef: &v1.SecretEnvSource{LocalObjectReference: none, Optional: ptr.To(true)}},
		},
		Env: []v1.EnvVar{
			{Name: "LATER", Value: "$(A) $(LAST)"},
			{Name: "A", Value: "env"},
			{Name: "FROM", ValueFrom: &v1.EnvVarSource{ConfigMapKeyRef: &v1.ConfigMapKeySelector{LocalObjectReference: cm, Key: "B"}}},
			{Name: "SECRET", ValueFrom: &v1.EnvVarSource{SecretKeyRef: &v1.SecretKeySelector{LocalObjectReference: s, Key: "B"}}},
			{Name: "NO_KEY", ValueFrom: &v1.EnvVarSource{SecretKeyRef: &v1.SecretKeySelector{LocalObjectReference: s, Key: "none", Optional: ptr.To(true)}}},
			{Name: "NO_MAP", ValueFrom: &v1.EnvVarSource{ConfigMapKeyRef: &v1.ConfigMapKeySelector{LocalObjectReference: none, Key: "x", Optional: ptr.To(true)}}},
			{Name: "LABEL", ValueFrom: field("metadata.labels['app']")},
			{Name: "NO_LABEL", ValueFrom: field("metadata.labels['none']")},
			{Name: "WHO", ValueFrom: field("metadata.name")},
			{Name: "IP", ValueFrom: field("status.podIP")},
			{Name: "IPS", ValueFrom: field("status.podIPs")},
			{Name: "HOST", ValueFrom: field("status.hostIP")},
			{Name: "NODE", ValueFrom: field("spec.nodeName")},
			{Name: "ACCOUNT", ValueFrom: field("spec.serviceAccountName")},
			{Name: "CPU", ValueFrom: &v1.EnvVarSource{ResourceFieldRef: &v1.ResourceFieldSelector{Resource: "requests.cpu"}}},
			{Name: "MEMORY", ValueFrom: &v1.EnvVarSource{ResourceFieldRef: &v1.ResourceFieldSelector{Resource: "limits.memory", Divisor: resource.MustParse("1Mi")}}},
			{Name: "LAST", Value: "$$(A) is $(A), $(P_B)"},
		},
	}
	require.Equal(t, []string{
		"A=env", "B=secret", "a.b-c=dots", "P_B=secret", "LATER=cm $(LAST)", "FROM=cm", "SECRET=secret", "LABEL=web", "NO_LABEL=", "WHO=p",
		"IP=10.0.0.1", "IPS=10.0.0.1,fd00::1", "HOST=192.168.0.1", "NODE=n", "ACCOUNT=sa", "CPU=2", "MEMORY=1024", "LAST=$(A) is env, secret",
	}, env(t, b, pod, c))

	all, err := b.Env(t.Context(), pod, c, Facts{})
	require.NoError(t, err)
	command, args := Command(&v1.Container{Command: []string{"sh", "$(A)"}, Args: []string{"$$(A)", "$(NONE)"}}, all)
	require.Equal(t, []string{"sh", "env"}, command)
	require.Equal(t, []string{"$(A)", "$(NONE)"}, args)
}

func TestErrors(t *testing.T) {
	b := builder(t, nil, &v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "cm"}})
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns"}}
	none := v1.LocalObjectReference{Name: "none"}
	for text, from := range map[string]*v1.EnvVarSource{
		`configmap "none" not found`:             {ConfigMapKeyRef: &v1.ConfigMapKeySelector{LocalObjectReference: none}},
		`secret "none" not found`:                {SecretKeyRef: &v1.SecretKeySelector{LocalObjectReference: none}},
		"couldn't find key k in ConfigMap ns/cm": {ConfigMapKeyRef: &v1.ConfigMapKeySelector{LocalObjectReference: v1.LocalObjectReference{Name: "cm"}, Key: "k"}},
		"unsupported fieldPath: spec.hostname":   {FieldRef: &v1.ObjectFieldSelector{FieldPath: "spec.hostname"}},
		"does not support subscript":             {FieldRef: &v1.ObjectFieldSelector{FieldPath: "spec.x['y']"}},
		"container other not found":              {ResourceFieldRef: &v1.ResourceFieldSelector{ContainerName: "other", Resource: "limits.cpu"}},
		"is of a kind that is not supported":     {},
	} {
		_, err := b.Env(t.Context(), pod, &v1.Container{Name: "c", Env: []v1.EnvVar{{Name: "X", ValueFrom: from}}}, Facts{})
		require.ErrorContains(t, err, text)
	}
	_, err := b.Env(t.Context(), pod, &v1.Container{EnvFrom: []v1.EnvFromSource{{ConfigMapRef: &v1.ConfigMapEnvSource{LocalObjectReference: none}}}}, Facts{})
	require.ErrorContains(t, err, `configmap "none" not found`)
	_, err = New(Options{}).Env(t.Context(), pod, &v1.Container{EnvFrom: []v1.EnvFromSource{{ConfigMapRef: &v1.ConfigMapEnvSource{LocalObjectReference: none}}}}, Facts{})
	require.ErrorIs(t, err, errNoClient)
	pod.Spec.Containers = []v1.Container{{Name: "c"}}
	for _, what := range []string{"limits.gpu", "cpu", "most.cpu"} {
		_, err := Resource(pod, &v1.ResourceFieldSelector{Resource: what, ContainerName: "c"}, nil, nil)
		require.ErrorContains(t, err, "unsupported container resource", what)
	}
}

func TestResource(t *testing.T) {
	pod := &v1.Pod{}
	pod.Spec.InitContainers = []v1.Container{{Name: "i", Resources: v1.ResourceRequirements{
		Limits: v1.ResourceList{v1.ResourceCPU: resource.MustParse("1500m"), v1.ResourceMemory: resource.MustParse("1025Ki"), "hugepages-2Mi": resource.MustParse("4Mi")},
	}}}
	for _, c := range []struct{ what, divisor, want string }{
		{"limits.cpu", "", "2"}, {"limits.cpu", "1", "2"}, {"limits.cpu", "1m", "1500"}, {"limits.memory", "", "1049600"}, {"limits.memory", "1Mi", "2"},
		{"limits.hugepages-2Mi", "1Mi", "4"}, {"requests.cpu", "", "0"}, {"limits.ephemeral-storage", "", "0"},
	} {
		ref := &v1.ResourceFieldSelector{Resource: c.what}
		if c.divisor != "" {
			ref.Divisor = resource.MustParse(c.divisor)
		}
		got, err := Resource(pod, ref, &pod.Spec.InitContainers[0], nil)
		require.NoError(t, err)
		require.Equal(t, c.want, got, c)
	}
}
