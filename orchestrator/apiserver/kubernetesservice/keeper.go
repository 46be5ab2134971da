package kubernetesservice

import (
	"context"
	"fmt"
	"net"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
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
)

// Keeper keeps the Service and its endpoints.
type Keeper struct {
	Client  kubernetes.Interface
	Storage storage.Interface // of Endpoints, for the leases

	ServiceIP  net.IP
	PublicIP   net.IP // where this apiserver is reached
	PublicPort int
}

// Run works until ctx ends, and then withdraws this apiserver. One that is reached on its own machine only is no endpoint for pods.
func (k *Keeper) Run(ctx context.Context) {
	if k.PublicIP.IsLoopback() {
		klog.FromContext(ctx).Info("The service of the apiservers has no endpoint here: --advertise-address is a loopback address", "address", k.PublicIP)
		return
	}
	for {
		pause := interval
		if err := k.sync(ctx); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Info("Could not keep the service of the apiservers", "err", err)
			pause = retry
		}
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), interval/2)
			defer cancel()
			if err := (leases{k.Storage}).remove(last, k.PublicIP.String()); err != nil {
				klog.FromContext(ctx).V(2).Info("Could not end the apiserver's lease: it ends by itself", "err", err)
			}
			return
		case <-time.After(pause):
		}
	}
}

// sync renews the lease and brings the objects in line with all leases.
func (k *Keeper) sync(ctx context.Context) error {
	l := leases{k.Storage}
	if err := l.renew(ctx, k.PublicIP.String()); err != nil {
		return err
	}
	ips, err := l.list(ctx)
	if err != nil {
		return err
	}
	if err := k.service(ctx); err != nil {
		return fmt.Errorf("service %s: %w", name, err)
	}
	if err := k.endpoints(ctx, ips); err != nil {
		return fmt.Errorf("endpoints %s: %w", name, err)
	}
	if err := k.slice(ctx, ips); err != nil {
		return fmt.Errorf("endpoint slice %s: %w", name, err)
	}
	return nil
}

// service makes the Service if there is none.
func (k *Keeper) service(ctx context.Context) error {
	services := k.Client.CoreV1().Services(metav1.NamespaceDefault)
	_, err := services.Get(ctx, name, metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		return err
	}
	_, err = services.Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"component": "apiserver", "provider": "kubernetes"}},
		Spec: corev1.ServiceSpec{
			ClusterIP: k.ServiceIP.String(), Type: corev1.ServiceTypeClusterIP, SessionAffinity: corev1.ServiceAffinityNone,
			Ports: []corev1.ServicePort{{Name: portName, Port: 443, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(int32(k.PublicPort))}},
		},
	}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

func (k *Keeper) endpoints(ctx context.Context, ips []string) error {
	subset := corev1.EndpointSubset{Ports: []corev1.EndpointPort{{Name: portName, Port: int32(k.PublicPort), Protocol: corev1.ProtocolTCP}}}
	for _, ip := range ips {
		subset.Addresses = append(subset.Addresses, corev1.EndpointAddress{IP: ip})
	}
	want := []corev1.EndpointSubset{subset}
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
