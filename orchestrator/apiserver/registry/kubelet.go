package registry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/transport"
)

// KubeletOptions say how the apiserver reaches kubelets.
type KubeletOptions struct {
	CertFile, KeyFile string // whom the apiserver is for them
	CAFile            string // who signs their certificates; empty: they are not checked
	AddressTypes      []corev1.NodeAddressType
	Port              int // where a node does not say
}

// Kubelets reaches the kubelets of nodes.
type Kubelets struct {
	options   KubeletOptions
	nodes     *Store
	transport http.RoundTripper
	insecure  http.RoundTripper
}

// NewKubelets returns how to reach the kubelets of the nodes in a store.
func NewKubelets(nodes *Store, o KubeletOptions) (*Kubelets, error) {
	checked, err := kubeletTransport(&o, o.CAFile == "")
	if err != nil {
		return nil, err
	}
	insecure, err := kubeletTransport(&o, true)
	if err != nil {
		return nil, err
	}
	return &Kubelets{options: o, nodes: nodes, transport: checked, insecure: insecure}, nil
}

func kubeletTransport(o *KubeletOptions, insecure bool) (http.RoundTripper, error) {
	c := &transport.Config{TLS: transport.TLSConfig{CertFile: o.CertFile, KeyFile: o.KeyFile, CAFile: o.CAFile, Insecure: insecure, NextProtos: []string{"http/1.1"}}}
	if insecure {
		c.TLS.CAFile = ""
	}
	tls, err := transport.TLSConfigFor(c)
	if err != nil {
		return nil, fmt.Errorf("registry: certificates for kubelets: %w", err)
	}
	return utilnet.SetOldTransportDefaults(&http.Transport{TLSClientConfig: tls}), nil
}

// errNoAddress says that a node has no address that the apiserver may use.
var errNoAddress = errors.New("no preferred addresses found")

// of returns where the kubelet of a node serves.
func (k *Kubelets) of(ctx context.Context, node string) (*url.URL, error) {
	obj, err := k.nodes.Get(ctx, node, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	status := obj.(*corev1.Node).Status
	port := k.options.Port
	if p := int(status.DaemonEndpoints.KubeletEndpoint.Port); p > 0 {
		port = p
	}
	for _, typ := range k.options.AddressTypes {
		at := slices.IndexFunc(status.Addresses, func(a corev1.NodeAddress) bool { return a.Type == typ })
		if at >= 0 {
			return &url.URL{Scheme: "https", Host: net.JoinHostPort(status.Addresses[at].Address, strconv.Itoa(port))}, nil
		}
	}
	return nil, fmt.Errorf("%w; known addresses: %v", errNoAddress, status.Addresses)
}

// ofPod returns where the kubelet serves that has a pod.
func (k *Kubelets) ofPod(ctx context.Context, pod *corev1.Pod) (*url.URL, error) {
	if pod.Spec.NodeName == "" {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("pod %s does not have a host assigned", pod.Name))
	}
	return k.of(ctx, pod.Spec.NodeName)
}

// containerOf finds the container that a request means, which may leave it out if there is one only, beside those that come before
// it and those for debugging. The annotation for a default one is for clients: they ask for what it says.
func containerOf(pod *corev1.Pod, name string) (string, error) {
	var all []string
	for i := range pod.Spec.InitContainers {
		all = append(all, pod.Spec.InitContainers[i].Name)
	}
	for i := range pod.Spec.Containers {
		all = append(all, pod.Spec.Containers[i].Name)
	}
	for i := range pod.Spec.EphemeralContainers {
		all = append(all, pod.Spec.EphemeralContainers[i].Name)
	}
	switch {
	case slices.Contains(all, name):
		return name, nil
	case name != "":
		return "", apierrors.NewBadRequest(fmt.Sprintf("container %s is not valid for pod %s", name, pod.Name))
	case len(pod.Spec.Containers) == 1:
		return pod.Spec.Containers[0].Name, nil
	case len(pod.Spec.Containers) == 0:
		return "", apierrors.NewBadRequest(fmt.Sprintf("a container name must be specified for pod %s", pod.Name))
	}
	return "", apierrors.NewBadRequest(fmt.Sprintf("a container name must be specified for pod %s, choose one of: %v", pod.Name, all))
}
