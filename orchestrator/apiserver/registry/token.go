package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/petcd/petcd/orchestrator/apiserver/serviceaccount"
)

// Times to live of a token, in seconds, that a request may ask for.
const (
	tokenSecondsDefault = 3600
	tokenSecondsMin     = 600
	tokenSecondsMax     = 1 << 32
)

// Token makes tokens of service accounts.
type Token struct {
	accounts, pods, secrets, nodes *Store
	config                         TokenConfig
}

// TokenConfig says how tokens are made.
type TokenConfig struct {
	Issuer    *serviceaccount.Issuer
	Audiences []string      // where a request names none
	Max       time.Duration // no token lives longer; 0 for no bound
}

// NewToken returns the token subresource of service accounts.
func NewToken(accounts, pods, secrets, nodes *Store, c TokenConfig) *Token {
	return &Token{accounts, pods, secrets, nodes, c}
}

// New implements rest.Storage.
func (t *Token) New() runtime.Object { return &authenticationv1.TokenRequest{} }

// Destroy implements rest.Storage.
func (t *Token) Destroy() {}

// GroupVersionKind implements rest.GroupVersionKindProvider.
func (t *Token) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return authenticationv1.SchemeGroupVersion.WithKind("TokenRequest")
}

// Create implements rest.NamedCreater.
func (t *Token) Create(ctx context.Context, name string, obj runtime.Object, validate rest.ValidateObjectFunc, o *metav1.CreateOptions) (runtime.Object, error) {
	request, ok := obj.(*authenticationv1.TokenRequest)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not a TokenRequest: %T", obj))
	}
	if request.Spec.ExpirationSeconds == nil {
		request.Spec.ExpirationSeconds = new(int64(tokenSecondsDefault))
	}
	if len(request.Spec.Audiences) == 0 {
		request.Spec.Audiences = t.config.Audiences
	}
	if err := tokenErrors(request); len(err) > 0 {
		return nil, apierrors.NewInvalid(t.GroupVersionKind(schema.GroupVersion{}).GroupKind(), name, err)
	}
	if validate != nil {
		if err := validate(ctx, request.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	got, err := t.accounts.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	account := got.(*corev1.ServiceAccount)
	if request.UID != "" && request.UID != account.UID {
		return nil, apierrors.NewConflict(corev1.Resource("serviceaccounts/token"), name, fmt.Errorf("the UID in the token request (%s) does not match the UID of the service account (%s)", request.UID, account.UID))
	}
	asked := &serviceaccount.Request{
		ServiceAccount: account, Audiences: request.Spec.Audiences,
		Expires: time.Duration(*request.Spec.ExpirationSeconds) * time.Second,
	}
	if err := t.bind(ctx, asked, request.Spec.BoundObjectRef); err != nil {
		return nil, err
	}
	lasts := t.extend(asked)
	if len(o.DryRun) > 0 {
		return request, nil
	}
	claims := asked.Claims(time.Now())
	token, err := t.config.Issuer.Sign(claims)
	if err != nil {
		return nil, apierrors.NewInternalError(fmt.Errorf("failed to generate token: %w", err))
	}
	request.Name, request.Namespace, request.CreationTimestamp = account.Name, account.Namespace, metav1.Now()
	request.Spec.ExpirationSeconds = new(int64(lasts.Seconds()))
	request.Status = authenticationv1.TokenRequestStatus{Token: token, ExpirationTimestamp: metav1.Time{Time: claims.IssuedAt.Time().Add(lasts)}}
	return request, nil
}

// extend makes the tokens that every pod gets outlive programs that never read theirs again, and bounds all others. It returns for how long
// the client shall take its token to last: kubelets fetch the next one by that.
func (t *Token) extend(r *serviceaccount.Request) (lasts time.Duration) {
	if t.config.Max > 0 {
		r.Expires = min(r.Expires, t.config.Max)
	}
	lasts = r.Expires
	ours := !slices.ContainsFunc(r.Audiences, func(a string) bool { return !slices.Contains(t.config.Audiences, a) })
	if r.Pod != nil && ours && lasts == serviceaccount.WarnOnlyExpiration {
		r.WarnAfter, r.Expires = lasts, serviceaccount.ExtendedExpiration
	}
	return lasts
}

func tokenErrors(r *authenticationv1.TokenRequest) (errs field.ErrorList) {
	at := field.NewPath("spec", "expirationSeconds")
	switch n := *r.Spec.ExpirationSeconds; {
	case n < tokenSecondsMin:
		errs = append(errs, field.Invalid(at, n, "may not specify a duration less than 10 minutes"))
	case n > tokenSecondsMax:
		errs = append(errs, field.Invalid(at, n, "may not specify a duration larger than 2^32 seconds"))
	}
	return errs
}

// bind finds what a token shall end with.
func (t *Token) bind(ctx context.Context, r *serviceaccount.Request, ref *authenticationv1.BoundObjectReference) error {
	if ref == nil {
		return nil
	}
	unknown := apierrors.NewBadRequest(fmt.Sprintf("cannot bind token to object of type %s, Kind=%s", ref.APIVersion, ref.Kind))
	if ref.APIVersion != "v1" {
		return unknown
	}
	uid := types.UID("")
	switch ref.Kind {
	case "Pod":
		obj, err := t.pods.Get(ctx, ref.Name, &metav1.GetOptions{})
		if err != nil {
			return err
		}
		r.Pod = obj.(*corev1.Pod)
		if r.Pod.Spec.ServiceAccountName != r.ServiceAccount.Name {
			return apierrors.NewBadRequest(fmt.Sprintf("cannot bind token for serviceaccount %q to pod running with different serviceaccount name.", r.ServiceAccount.Name))
		}
		if on := r.Pod.Spec.NodeName; on != "" {
			if node, err := t.nodes.Get(ctx, on, &metav1.GetOptions{}); err == nil {
				r.Node = node.(*corev1.Node)
			}
		}
		uid = r.Pod.UID
	case "Secret":
		obj, err := t.secrets.Get(ctx, ref.Name, &metav1.GetOptions{})
		if err != nil {
			return err
		}
		r.Secret = obj.(*corev1.Secret)
		uid = r.Secret.UID
	case "Node":
		obj, err := t.nodes.Get(ctx, ref.Name, &metav1.GetOptions{})
		if err != nil {
			return err
		}
		r.Node = obj.(*corev1.Node)
		uid = r.Node.UID
	default:
		return unknown
	}
	if ref.UID != "" && ref.UID != uid {
		return apierrors.NewConflict(corev1.Resource(strings.ToLower(ref.Kind)+"s"), ref.Name,
			fmt.Errorf("the UID in the bound object reference (%s) does not match the UID in record. The object might have been deleted and then recreated", ref.UID))
	}
	return nil
}
