package podsecurity

import (
	"context"
	"errors"
	"fmt"
	"io"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/warning"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	podsecurity "k8s.io/pod-security-admission/admission"
	"k8s.io/pod-security-admission/admission/api/load"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/metrics"
	"k8s.io/pod-security-admission/policy"
)

// Name is the plugin's in --enable-admission-plugins.
const Name = "PodSecurity"

// Register makes the plugin known by its name.
func Register(plugins *admission.Plugins) {
	plugins.Register(Name, func(config io.Reader) (admission.Interface, error) { return New(config) })
}

// Plugin asks the library.
type Plugin struct {
	*admission.Handler
	standards  *podsecurity.Admission
	client     kubernetes.Interface
	namespaces corelisters.NamespaceLister
	pods       corelisters.PodLister
}

// New returns a plugin that still wants a client and informers. The configuration may be nil.
func New(config io.Reader) (*Plugin, error) {
	configuration, err := load.LoadFromReader(config)
	if err != nil {
		return nil, fmt.Errorf("%s: configuration: %w", Name, err)
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Name, err)
	}
	return &Plugin{
		Handler: admission.NewHandler(admission.Create, admission.Update),
		standards: &podsecurity.Admission{
			Configuration: configuration, Evaluator: evaluator, Metrics: unmeasured{}, PodSpecExtractor: podsecurity.DefaultPodSpecExtractor{},
		},
	}, nil
}

// SetExternalKubeClientSet implements initializer.WantsExternalKubeClientSet.
func (p *Plugin) SetExternalKubeClientSet(c kubernetes.Interface) { p.client = c }

// SetExternalKubeInformerFactory implements initializer.WantsExternalKubeInformerFactory.
func (p *Plugin) SetExternalKubeInformerFactory(f informers.SharedInformerFactory) {
	namespaces, pods := f.Core().V1().Namespaces(), f.Core().V1().Pods()
	p.namespaces, p.pods = namespaces.Lister(), pods.Lister()
	namespacesSynced, podsSynced := namespaces.Informer().HasSynced, pods.Informer().HasSynced
	p.SetReadyFunc(func() bool { return namespacesSynced() && podsSynced() })
}

// ValidateInitialization implements admission.InitializationValidator.
func (p *Plugin) ValidateInitialization() error {
	if p.client == nil || p.namespaces == nil || p.pods == nil {
		return errors.New(Name + " needs a client and informers")
	}
	p.standards.NamespaceGetter = podsecurity.NamespaceGetterFromListerAndClient(p.namespaces, p.client)
	p.standards.PodLister = podsecurity.PodListerFromInformer(p.pods)
	if err := p.standards.CompleteConfiguration(); err != nil {
		return fmt.Errorf("%s: %w", Name, err)
	}
	return p.standards.ValidateConfiguration()
}

// Validate implements admission.ValidationInterface.
func (p *Plugin) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	resource := a.GetResource().GroupResource()
	if resource != corev1.Resource("namespaces") && !p.standards.PodSpecExtractor.HasPodSpec(resource) {
		return nil
	}
	if !p.WaitForReady() {
		return admission.NewForbidden(a, errors.New("not yet ready to handle request"))
	}
	answer := p.standards.Validate(ctx, &api.AttributesRecord{
		Name: a.GetName(), Namespace: a.GetNamespace(), Kind: a.GetKind(), Resource: a.GetResource(), Subresource: a.GetSubresource(),
		Operation: admissionv1.Operation(a.GetOperation()), Object: a.GetObject(), OldObject: a.GetOldObject(), Username: userName(a),
	})
	for _, w := range answer.Warnings {
		warning.AddWarning(ctx, "", w)
	}
	for key, value := range answer.AuditAnnotations {
		if err := a.AddAnnotation(api.AuditAnnotationPrefix+key, value); err != nil {
			utilruntime.HandleErrorWithContext(ctx, err, "Audit annotation failed", "key", key)
		}
	}
	if answer.Allowed {
		return nil
	}
	if answer.Result == nil {
		return admission.NewForbidden(a, errors.New("not allowed by PodSecurity"))
	}
	refusal := &apierrors.StatusError{ErrStatus: *answer.Result}
	refusal.ErrStatus.Status = metav1.StatusFailure
	return refusal
}

// userName is empty for a request that the apiserver makes to itself.
func userName(a admission.Attributes) string {
	if u := a.GetUserInfo(); u != nil {
		return u.GetName()
	}
	return ""
}

// unmeasured counts nothing.
type unmeasured struct{}

var _ metrics.Recorder = unmeasured{}

// RecordEvaluation implements metrics.Recorder.
func (unmeasured) RecordEvaluation(metrics.Decision, api.LevelVersion, metrics.Mode, api.Attributes) {
}

// RecordExemption implements metrics.Recorder.
func (unmeasured) RecordExemption(api.Attributes) {}

// RecordError implements metrics.Recorder.
func (unmeasured) RecordError(bool, api.Attributes) {}
