package kubernetesservice

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
)

const (
	name     = "kubernetes"
	portName = "https"

	// interval is the time between two renewals of the lease, retry that after one that failed.
	interval = 10 * time.Second
	retry    = time.Second

	// withdrawTimeout is how long a server that ends tries to tell so. Its lease ends by itself if it can't.
	withdrawTimeout = 5 * time.Second

	hookName = "kubernetes-service"
)

// Keeper keeps the Service and its endpoints. An apiserver that is reached on its own machine only is no endpoint for pods.
type Keeper struct {
	Client  kubernetes.Interface
	Storage storage.Interface // of Endpoints, for the leases

	ServiceIP  net.IP
	PublicIP   net.IP // where this apiserver is reached
	PublicPort int
}

// AddHooks has the keeper run while the server does. The server ends only when it is an endpoint no more.
func (k *Keeper) AddHooks(s *genericapiserver.GenericAPIServer) error {
	if k.PublicIP.IsLoopback() {
		klog.Background().Info("The service of the apiservers has no endpoint here: --advertise-address is a loopback address", "address", k.PublicIP)
		return nil
	}
	// The context of the first hook is of no use: it ends after the second hook has.
	running, stop := context.WithCancel(context.Background())
	var keeping sync.WaitGroup
	if err := s.AddPostStartHook(hookName, func(genericapiserver.PostStartHookContext) error {
		keeping.Go(func() { k.run(running) })
		return nil
	}); err != nil {
		stop()
		return err
	}
	return s.AddPreShutdownHook(hookName, func() error {
		stop()
		keeping.Wait() // or it would take the lease again
		ctx, cancel := context.WithTimeout(context.Background(), withdrawTimeout)
		defer cancel()
		if err := k.withdraw(ctx); err != nil { // no reason to end without answering the requests that are under way
			klog.FromContext(ctx).Info("Could not withdraw this apiserver from the service: its lease ends by itself", "err", err)
		}
		return nil
	})
}

// run keeps this apiserver an endpoint until ctx ends.
func (k *Keeper) run(ctx context.Context) {
	for {
		pause := interval
		if err := k.sync(ctx); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Info("Could not keep the service of the apiservers", "err", err)
			pause = retry
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// sync renews the lease and brings the objects in line with all leases.
func (k *Keeper) sync(ctx context.Context) error {
	if err := (leases{k.Storage}).renew(ctx, k.PublicIP.String()); err != nil {
		return err
	}
	if err := k.service(ctx); err != nil {
		return fmt.Errorf("service %s: %w", name, err)
	}
	return k.addresses(ctx)
}

// withdraw ends the lease and takes the address away, even if it is the last one: who gets no answer there is not helped by it.
func (k *Keeper) withdraw(ctx context.Context) error {
	if err := (leases{k.Storage}).remove(ctx, k.PublicIP.String()); err != nil {
		return err
	}
	return k.addresses(ctx)
}

// addresses brings the endpoints in line with all leases.
func (k *Keeper) addresses(ctx context.Context) error {
	ips, err := (leases{k.Storage}).list(ctx)
	if err != nil {
		return err
	}
	if err := k.endpoints(ctx, ips); err != nil {
		return fmt.Errorf("endpoints %s: %w", name, err)
	}
	if err := k.slice(ctx, ips); err != nil {
		return fmt.Errorf("endpoint slice %s: %w", name, err)
	}
	return nil
}

// service makes the Service if there is none, and sees that it leads to the apiservers' port.
func (k *Keeper) service(ctx context.Context) error {
	ports := []corev1.ServicePort{{Name: portName, Port: 443, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(int32(k.PublicPort))}}
	services := k.Client.CoreV1().Services(metav1.NamespaceDefault)
	have, err := services.Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		_, err = services.Create(ctx, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"component": "apiserver", "provider": "kubernetes"}},
			Spec: corev1.ServiceSpec{
				ClusterIP: k.ServiceIP.String(), Type: corev1.ServiceTypeClusterIP, SessionAffinity: corev1.ServiceAffinityNone, Ports: ports,
			},
		}, metav1.CreateOptions{})
	case err == nil && (have.Spec.Type != corev1.ServiceTypeClusterIP || !equality.Semantic.DeepEqual(have.Spec.Ports, ports)):
		have = have.DeepCopy()
		have.Spec.Type, have.Spec.Ports = corev1.ServiceTypeClusterIP, ports
		_, err = services.Update(ctx, have, metav1.UpdateOptions{})
	}
	return unlessRaced(err)
}

func (k *Keeper) endpoints(ctx context.Context, ips []string) error {
	subset := corev1.EndpointSubset{Ports: []corev1.EndpointPort{{Name: portName, Port: int32(k.PublicPort), Protocol: corev1.ProtocolTCP}}}
	for _, ip := range ips {
		subset.Addresses = append(subset.Addresses, corev1.EndpointAddress{IP: ip})
	}
	var want []corev1.EndpointSubset
	if len(ips) > 0 { // there is no subset without addresses
		want = append(want, subset)
	}
	all := k.Client.CoreV1().Endpoints(metav1.NamespaceDefault)
	have, err := all.Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		_, err = all.Create(ctx, &corev1.Endpoints{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{discoveryv1.LabelSkipMirror: "true"}}, Subsets: want,
		}, metav1.CreateOptions{})
	case err == nil && !equality.Semantic.DeepEqual(have.Subsets, want):
		have = have.DeepCopy()
		have.Subsets = want
		_, err = all.Update(ctx, have, metav1.UpdateOptions{})
	}
	return unlessRaced(err)
}

func (k *Keeper) slice(ctx context.Context, ips []string) error {
	typ := discoveryv1.AddressTypeIPv4
	if k.PublicIP.To4() == nil {
		typ = discoveryv1.AddressTypeIPv6
	}
	var endpoints []discoveryv1.Endpoint
	for _, ip := range ips {
		endpoints = append(endpoints, discoveryv1.Endpoint{Addresses: []string{ip}, Conditions: discoveryv1.EndpointConditions{Ready: new(true)}})
	}
	ports := []discoveryv1.EndpointPort{{Name: new(portName), Port: new(int32(k.PublicPort)), Protocol: new(corev1.ProtocolTCP)}}
	all := k.Client.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault)
	have, err := all.Get(ctx, name, metav1.GetOptions{})
	if err == nil && have.AddressType != typ { // which a slice keeps for ever
		err = all.Delete(ctx, name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(have.UID))})
		if err == nil {
			err = apierrors.NewNotFound(discoveryv1.Resource("endpointslices"), name)
		}
	}
	switch {
	case apierrors.IsNotFound(err):
		_, err = all.Create(ctx, &discoveryv1.EndpointSlice{
			ObjectMeta:  metav1.ObjectMeta{Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: name}},
			AddressType: typ, Endpoints: endpoints, Ports: ports,
		}, metav1.CreateOptions{})
	case err == nil && (!equality.Semantic.DeepEqual(have.Endpoints, endpoints) || !equality.Semantic.DeepEqual(have.Ports, ports)):
		have = have.DeepCopy()
		have.Endpoints, have.Ports = endpoints, ports
		_, err = all.Update(ctx, have, metav1.UpdateOptions{})
	}
	return unlessRaced(err)
}

// unlessRaced forgives that another apiserver was faster: the next round sees to it.
func unlessRaced(err error) error {
	if apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}
