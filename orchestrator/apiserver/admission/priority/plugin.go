package priority

import (
	"context"
	"errors"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/informers"
	schedulinglisters "k8s.io/client-go/listers/scheduling/v1"
	"k8s.io/utils/ptr"
)

// Name is the plugin's in --enable-admission-plugins.
const Name = "Priority"

// Register makes the plugin known by its name.
func Register(plugins *admission.Plugins) {
	plugins.Register(Name, func(io.Reader) (admission.Interface, error) { return New(), nil })
}

// Plugin keeps the rules of the package.
type Plugin struct {
	*admission.Handler
	classes schedulinglisters.PriorityClassLister
}

// New returns a plugin that still wants informers.
func New() *Plugin {
	return &Plugin{Handler: admission.NewHandler(admission.Create, admission.Update)}
}

// SetExternalKubeInformerFactory implements initializer.WantsExternalKubeInformerFactory.
func (p *Plugin) SetExternalKubeInformerFactory(f informers.SharedInformerFactory) {
	classes := f.Scheduling().V1().PriorityClasses()
	p.classes = classes.Lister()
	p.SetReadyFunc(classes.Informer().HasSynced)
}

// ValidateInitialization implements admission.InitializationValidator.
func (p *Plugin) ValidateInitialization() error {
	if p.classes == nil {
		return errors.New(Name + " needs informers")
	}
	return nil
}

// Admit implements admission.MutationInterface: it sets a pod's priority and preemption policy.
func (p *Plugin) Admit(_ context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if a.GetResource().GroupResource() != corev1.Resource("pods") || a.GetSubresource() != "" {
		return nil
	}
	pod, ok := a.GetObject().(*corev1.Pod)
	if !ok {
		return apierrors.NewBadRequest("resource was marked with kind Pod but was unable to be converted")
	}
	if a.GetOperation() == admission.Update {
		keep(pod, a.GetOldObject())
		return nil
	}
	if !p.WaitForReady() {
		return admission.NewForbidden(a, errors.New("not yet ready to handle request"))
	}
	class, err := p.of(pod)
	if err != nil {
		return admission.NewForbidden(a, err)
	}
	return set(a, pod, class)
}

// keep gives an updated pod what its sender has left out.
func keep(pod *corev1.Pod, old any) {
	was, ok := old.(*corev1.Pod)
	if !ok {
		return
	}
	if pod.Spec.Priority == nil {
		pod.Spec.Priority = was.Spec.Priority
	}
	if pod.Spec.PreemptionPolicy == nil {
		pod.Spec.PreemptionPolicy = was.Spec.PreemptionPolicy
	}
}

// of returns the class that a pod names or gets. Without any, all pods are alike.
func (p *Plugin) of(pod *corev1.Pod) (*schedulingv1.PriorityClass, error) {
	name := pod.Spec.PriorityClassName
	if name == "" {
		class, err := p.defaultClass()
		if err != nil || class != nil {
			return class, err
		}
		return &schedulingv1.PriorityClass{PreemptionPolicy: ptr.To(corev1.PreemptLowerPriority)}, nil
	}
	class, err := p.classes.Get(name)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("no PriorityClass with name %v was found", name)
	}
	return class, err
}

// set refuses a pod that says of itself what its class denies.
func set(a admission.Attributes, pod *corev1.Pod, class *schedulingv1.PriorityClass) error {
	if said := pod.Spec.Priority; said != nil && *said != class.Value {
		return admission.NewForbidden(a, fmt.Errorf("the integer value of priority (%d) must not be provided in pod spec; "+
			"priority admission controller computed %d from the given PriorityClass name", *said, class.Value))
	}
	policy := ptr.Deref(class.PreemptionPolicy, corev1.PreemptLowerPriority)
	if said := pod.Spec.PreemptionPolicy; said != nil && *said != policy {
		return admission.NewForbidden(a, fmt.Errorf("the string value of PreemptionPolicy (%s) must not be provided in pod spec; "+
			"priority admission controller computed %s from the given PriorityClass name", *said, policy))
	}
	pod.Spec.PriorityClassName = class.Name
	pod.Spec.Priority, pod.Spec.PreemptionPolicy = ptr.To(class.Value), ptr.To(policy)
	return nil
}

// Validate implements admission.ValidationInterface: it refuses a second default.
func (p *Plugin) Validate(_ context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if a.GetResource().GroupResource() != schedulingv1.Resource("priorityclasses") || a.GetSubresource() != "" {
		return nil
	}
	class, ok := a.GetObject().(*schedulingv1.PriorityClass)
	if !ok {
		return apierrors.NewBadRequest("resource was marked with kind PriorityClass but was unable to be converted")
	}
	if !class.GlobalDefault {
		return nil
	}
	if !p.WaitForReady() {
		return admission.NewForbidden(a, errors.New("not yet ready to handle request"))
	}
	other, err := p.defaultClass()
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	if other == nil || (a.GetOperation() == admission.Update && other.Name == class.Name) {
		return nil
	}
	return admission.NewForbidden(a, fmt.Errorf("PriorityClass %v is already marked as default. Only one default can exist", other.Name))
}

// defaultClass returns nil if there is none. Two requests at the same time may have made two: then it is the lowest.
func (p *Plugin) defaultClass() (lowest *schedulingv1.PriorityClass, err error) {
	classes, err := p.classes.List(labels.Everything())
	for _, c := range classes {
		if c.GlobalDefault && (lowest == nil || c.Value < lowest.Value) {
			lowest = c
		}
	}
	return lowest, err
}
