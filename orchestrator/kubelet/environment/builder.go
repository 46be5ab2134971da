package environment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Options say where values come from.
type Options struct {
	Client      kubernetes.Interface      // configMaps and secrets; nil: pods that need them fail
	Services    corelisters.ServiceLister // nil: no service variables
	Synced      func() bool               // whether Services has been read; nil: it has
	Allocatable func() v1.ResourceList    // what resourceFieldRef says of a container without limits; nil: nothing
}

// Facts are what a pod can be told of itself that is not in its spec.
type Facts struct {
	PodIPs, HostIPs []string // the first one is the pod's main one
}

// Builder makes the environments of containers.
type Builder struct{ o Options }

// New returns a builder.
func New(o Options) *Builder { return &Builder{o} }

// errNoClient says that this kubelet runs without an apiserver.
var errNoClient = errors.New("environment: this kubelet has no apiserver to get it from")

// Env is the environment of a container. Its errors are for reason CreateContainerConfigError.
func (b *Builder) Env(ctx context.Context, pod *v1.Pod, container *v1.Container, f Facts) ([]*runtimeapi.KeyValue, error) {
	vars, err := b.services(pod)
	if err != nil {
		return nil, err
	}
	sources := &objects{client: b.o.Client, namespace: pod.Namespace}
	for i := range container.EnvFrom {
		if err := addFrom(ctx, sources, &container.EnvFrom[i], vars); err != nil {
			return nil, err
		}
	}
	for i := range container.Env {
		env := &container.Env[i]
		value := Expand(env.Value, vars.get)
		if env.ValueFrom != nil {
			var ok bool
			if value, ok, err = b.valueFrom(ctx, sources, pod, container, env.ValueFrom, f); err != nil {
				return nil, err
			}
			if !ok {
				continue // optional, and not there
			}
		}
		vars.set(env.Name, value)
	}
	return vars.all, nil
}

// addFrom adds all keys of a configMap or a secret.
func addFrom(ctx context.Context, sources *objects, from *v1.EnvFromSource, vars *variables) error {
	var (
		data     map[string]string
		err      error
		optional bool
	)
	switch {
	case from.ConfigMapRef != nil:
		optional = from.ConfigMapRef.Optional != nil && *from.ConfigMapRef.Optional
		data, err = sources.configMap(ctx, from.ConfigMapRef.Name)
	case from.SecretRef != nil:
		optional = from.SecretRef.Optional != nil && *from.SecretRef.Optional
		data, err = sources.secret(ctx, from.SecretRef.Name)
	}
	if optional && apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, key := range sortedKeys(data) {
		if name := from.Prefix + key; isName(name) {
			vars.set(name, data[key])
		}
	}
	return nil
}

// isName says whether a variable may have a name: what a process could not tell from the value is left out, as anything is that isn't
// printable.
func isName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool { return r == '=' || r < ' ' || r > '~' })
}

// valueFrom is a value that is elsewhere; ok is false for one that is optional and isn't there.
func (b *Builder) valueFrom(ctx context.Context, sources *objects, pod *v1.Pod, container *v1.Container, from *v1.EnvVarSource, f Facts,
) (value string, ok bool, err error) {
	switch {
	case from.FieldRef != nil:
		value, err = Field(pod, from.FieldRef.FieldPath, f)
		return value, err == nil, err
	case from.ResourceFieldRef != nil:
		value, err = Resource(pod, from.ResourceFieldRef, container, b.o.Allocatable)
		return value, err == nil, err
	case from.ConfigMapKeyRef != nil:
		ref := from.ConfigMapKeyRef
		data, err := sources.configMap(ctx, ref.Name)
		return key("ConfigMap", sources.namespace+"/"+ref.Name, ref.Key, ref.Optional, data, err)
	case from.SecretKeyRef != nil:
		ref := from.SecretKeyRef
		data, err := sources.secret(ctx, ref.Name)
		return key("Secret", sources.namespace+"/"+ref.Name, ref.Key, ref.Optional, data, err)
	}
	return "", false, errors.New("a variable's valueFrom is of a kind that is not supported on this node")
}

// key is the value of one key of what was found.
func key(what, object, name string, optional *bool, data map[string]string, err error) (string, bool, error) {
	isOptional := optional != nil && *optional
	if isOptional && apierrors.IsNotFound(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	value, ok := data[name]
	if !ok && !isOptional {
		return "", false, fmt.Errorf("couldn't find key %v in %s %v", name, what, object)
	}
	return value, ok, nil
}

// objects are the configMaps and secrets of a namespace, each asked for once.
type objects struct {
	client              kubernetes.Interface
	namespace           string
	configMaps, secrets map[string]map[string]string
}

func (o *objects) configMap(ctx context.Context, name string) (map[string]string, error) {
	if data, ok := o.configMaps[name]; ok {
		return data, nil
	}
	if o.client == nil {
		return nil, errNoClient
	}
	object, err := o.client.CoreV1().ConfigMaps(o.namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, absent("configmap", name, err)
	}
	if o.configMaps == nil {
		o.configMaps = map[string]map[string]string{}
	}
	o.configMaps[name] = object.Data
	return object.Data, nil
}

func (o *objects) secret(ctx context.Context, name string) (map[string]string, error) {
	if data, ok := o.secrets[name]; ok {
		return data, nil
	}
	if o.client == nil {
		return nil, errNoClient
	}
	object, err := o.client.CoreV1().Secrets(o.namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, absent("secret", name, err)
	}
	data := make(map[string]string, len(object.Data))
	for key, value := range object.Data {
		data[key] = string(value)
	}
	if o.secrets == nil {
		o.secrets = map[string]map[string]string{}
	}
	o.secrets[name] = data
	return data, nil
}

// absent says of an object that isn't there what kubelets say: the kind in the singular.
func absent(kind, name string, err error) error {
	if apierrors.IsNotFound(err) {
		return apierrors.NewNotFound(v1.Resource(kind), name)
	}
	return err
}

// sortedKeys makes the order of variables the same each time.
func sortedKeys(data map[string]string) []string {
	keys := make([]string, 0, len(data))
	for key := range data {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
