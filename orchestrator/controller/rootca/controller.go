package rootca

import (
	"context"
	"fmt"
	"maps"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"

	"github.com/petcd/petcd/orchestrator/controller"
)

const (
	// name and key say where programs look for the certificate.
	name = "kube-root-ca.crt"
	key  = "ca.crt"

	annotation  = "kubernetes.io/description"
	description = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal " +
		"service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters."
)

// publisher writes the ConfigMaps. Its keys are namespaces.
type publisher struct {
	ca         string
	client     kubernetes.Interface
	namespaces corelisters.NamespaceLister
	configMaps corelisters.ConfigMapLister
}

// New returns the controller. ca is one or more certificates in PEM.
func New(env *controller.Env, ca []byte) controller.Runner {
	p := newPublisher(env, ca)
	core := env.Informers.Core().V1()
	loop := controller.NewLoop("root-ca-certificate-publisher-controller", 1, p.sync,
		core.Namespaces().Informer().HasSynced, core.ConfigMaps().Informer().HasSynced)
	controller.On[*v1.Namespace]{
		Add:    func(ns *v1.Namespace) { loop.Enqueue(ns) },
		Update: func(_, ns *v1.Namespace) { loop.Enqueue(ns) },
	}.Watch(core.Namespaces().Informer())
	again := func(cm *v1.ConfigMap) {
		if cm.Name == name {
			loop.Add(cm.Namespace)
		}
	}
	controller.On[*v1.ConfigMap]{Update: func(_, cm *v1.ConfigMap) { again(cm) }, Delete: again}.Watch(core.ConfigMaps().Informer())
	return loop
}

func newPublisher(env *controller.Env, ca []byte) *publisher {
	core := env.Informers.Core().V1()
	return &publisher{ca: string(ca), client: env.Client, namespaces: core.Namespaces().Lister(), configMaps: core.ConfigMaps().Lister()}
}

func (p *publisher) sync(ctx context.Context, namespace string) error {
	ns, err := p.namespaces.Get(namespace)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("namespace %s: %w", namespace, err)
	}
	if ns.Status.Phase != v1.NamespaceActive {
		return nil
	}
	data := map[string]string{key: p.ca}
	was, err := p.configMaps.ConfigMaps(namespace).Get(name)
	switch {
	case apierrors.IsNotFound(err):
		_, err = p.client.CoreV1().ConfigMaps(namespace).Create(ctx, &v1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Annotations: map[string]string{annotation: description}},
			Data:       data,
		}, metav1.CreateOptions{})
		if err == nil || apierrors.IsAlreadyExists(err) || apierrors.HasStatusCause(err, v1.NamespaceTerminatingCause) {
			return nil
		}
	case err == nil:
		if maps.Equal(was.Data, data) && len(was.BinaryData) == 0 && was.Annotations[annotation] == description {
			return nil
		}
		is := was.DeepCopy()
		is.Data, is.BinaryData = data, nil
		metav1.SetMetaDataAnnotation(&is.ObjectMeta, annotation, description)
		_, err = p.client.CoreV1().ConfigMaps(namespace).Update(ctx, is, metav1.UpdateOptions{})
	}
	if err != nil {
		return fmt.Errorf("config map %s/%s: %w", namespace, name, err)
	}
	return nil
}
