package serviceaccount

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/storage/names"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"

	"github.com/petcd/petcd/orchestrator/apiserver/admission/podrefs"
)

// Name is the plugin's in --enable-admission-plugins.
const Name = "ServiceAccount"

// defaultAccount is whose pods are that name no account.
const defaultAccount = "default"

// Register makes the plugin known by its name.
func Register(plugins *admission.Plugins) {
	plugins.Register(Name, func(io.Reader) (admission.Interface, error) { return New(names.SimpleNameGenerator), nil })
}

// Plugin keeps the rules of the package.
type Plugin struct {
	*admission.Handler
	client   kubernetes.Interface
	accounts corelisters.ServiceAccountLister
	names    names.NameGenerator
	patience wait.Backoff // with the default account
}

// New returns a plugin that still wants a client and informers. It makes the names of volumes by n.
func New(n names.NameGenerator) *Plugin {
	return &Plugin{
		Handler:  admission.NewHandler(admission.Create, admission.Update),
		names:    n,
		patience: wait.Backoff{Steps: 10, Duration: 100 * time.Millisecond, Factor: 1, Jitter: 1},
	}
}

// SetExternalKubeClientSet implements initializer.WantsExternalKubeClientSet.
func (p *Plugin) SetExternalKubeClientSet(c kubernetes.Interface) { p.client = c }

// SetExternalKubeInformerFactory implements initializer.WantsExternalKubeInformerFactory.
func (p *Plugin) SetExternalKubeInformerFactory(f informers.SharedInformerFactory) {
	accounts := f.Core().V1().ServiceAccounts()
	p.accounts = accounts.Lister()
	p.SetReadyFunc(accounts.Informer().HasSynced)
}

// ValidateInitialization implements admission.InitializationValidator.
func (p *Plugin) ValidateInitialization() error {
	if p.client == nil || p.accounts == nil {
		return errors.New(Name + " needs a client and informers")
	}
	return nil
}

// Admit implements admission.MutationInterface.
func (p *Plugin) Admit(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	pod, ok := created(a)
	if !ok || isMirror(pod) {
		return nil
	}
	if pod.Spec.ServiceAccountName == "" {
		pod.Spec.ServiceAccountName = pod.Spec.DeprecatedServiceAccount
	}
	if pod.Spec.ServiceAccountName == "" {
		pod.Spec.ServiceAccountName = defaultAccount
	}
	pod.Spec.DeprecatedServiceAccount = pod.Spec.ServiceAccountName
	account, err := p.account(ctx, a, pod)
	if err != nil {
		return err
	}
	if automount(account, pod) {
		mountToken(pod, p.names)
	}
	if len(pod.Spec.ImagePullSecrets) == 0 {
		pod.Spec.ImagePullSecrets = append(pod.Spec.ImagePullSecrets, account.ImagePullSecrets...)
	}
	return nil
}

// Validate implements admission.ValidationInterface. What it refuses, a plugin in between may have added.
func (p *Plugin) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	pod, isNew := created(a)
	switch {
	case isNew && isMirror(pod):
		return validateMirror(a, pod)
	case isNew && pod.Spec.ServiceAccountName == "":
		return admission.NewForbidden(a, fmt.Errorf("no service account specified for pod %s/%s", a.GetNamespace(), pod.Name))
	case !isNew:
		var more bool
		if pod, more = debugged(a); !more || pod.Spec.ServiceAccountName == "" {
			return nil
		}
	}
	account, err := p.account(ctx, a, pod)
	if err != nil {
		return err
	}
	if account.Annotations[enforceMountable] != "true" {
		return nil
	}
	if err := onlyMountable(account, pod); err != nil {
		return admission.NewForbidden(a, err)
	}
	return nil
}

// created returns the pod of a request to create one.
func created(a admission.Attributes) (*corev1.Pod, bool) {
	pod, ok := a.GetObject().(*corev1.Pod)
	return pod, ok && a.GetOperation() == admission.Create && a.GetSubresource() == ""
}

// debugged returns the pod of a request that adds containers to a running one.
func debugged(a admission.Attributes) (*corev1.Pod, bool) {
	pod, ok := a.GetObject().(*corev1.Pod)
	return pod, ok && a.GetOperation() == admission.Update && a.GetSubresource() == "ephemeralcontainers"
}

// isMirror tells that a pod only shows what a kubelet runs of itself.
func isMirror(pod *corev1.Pod) bool {
	_, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]
	return mirror
}

// validateMirror refuses what would let a kubelet have secrets of any namespace by showing a pod there.
func validateMirror(a admission.Attributes, pod *corev1.Pod) error {
	switch {
	case pod.Spec.ServiceAccountName != "":
		return admission.NewForbidden(a, errors.New("a mirror pod may not reference service accounts"))
	case len(podrefs.Secrets(pod)) > 0:
		return admission.NewForbidden(a, errors.New("a mirror pod may not reference secrets"))
	case podrefs.Tokens(pod):
		return admission.NewForbidden(a, errors.New("a mirror pod may not use service account token volume projections"))
	}
	return nil
}

// account looks up a pod's account; the refusal if there is none.
func (p *Plugin) account(ctx context.Context, a admission.Attributes, pod *corev1.Pod) (*corev1.ServiceAccount, error) {
	if !p.WaitForReady() {
		return nil, admission.NewForbidden(a, errors.New("not yet ready to handle request"))
	}
	namespace, name := a.GetNamespace(), pod.Spec.ServiceAccountName
	account, err := p.find(ctx, namespace, name)
	if err != nil {
		return nil, admission.NewForbidden(a, fmt.Errorf("error looking up service account %s/%s: %w", namespace, name, err))
	}
	return account, nil
}

// find asks the apiserver for what the informer has not seen yet, and again if the account is sure to come.
func (p *Plugin) find(ctx context.Context, namespace, name string) (*corev1.ServiceAccount, error) {
	account, err := p.accounts.ServiceAccounts(namespace).Get(name)
	if !apierrors.IsNotFound(err) {
		return account, err
	}
	patience := wait.Backoff{Steps: 1}
	if name == defaultAccount {
		patience = p.patience
	}
	err = wait.ExponentialBackoffWithContext(ctx, patience, func(ctx context.Context) (bool, error) {
		account, err = p.client.CoreV1().ServiceAccounts(namespace).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return err == nil, err
	})
	if wait.Interrupted(err) {
		return nil, apierrors.NewNotFound(corev1.Resource("serviceaccount"), name)
	}
	return account, err
}
