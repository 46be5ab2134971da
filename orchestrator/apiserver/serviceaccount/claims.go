package serviceaccount

import (
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	apiserverserviceaccount "k8s.io/apiserver/pkg/authentication/serviceaccount"
)

const (
	// LegacyIssuer is the issuer of the tokens that lie in secrets.
	LegacyIssuer = "kubernetes/serviceaccount"

	// WarnOnlyExpiration is how long a token lasts that the ServiceAccount admission asks for. Programs that were built before tokens
	// expired may hold one for ever: those tokens are extended, and using one later than this is noted.
	WarnOnlyExpiration = (60*60 + 7) * time.Second

	// ExtendedExpiration is how long such a token lasts in truth.
	ExtendedExpiration = 365 * 24 * time.Hour
)

// Claims is what a token says. A bound one says Bound, a legacy one the fields of Legacy.
type Claims struct {
	jwt.Claims
	Bound *Bound `json:"kubernetes.io,omitempty"`
	Legacy
}

// Bound names the objects on whose existence a token hangs.
type Bound struct {
	Namespace      string           `json:"namespace,omitempty"`
	Node           *Ref             `json:"node,omitempty"`
	Pod            *Ref             `json:"pod,omitempty"`
	Secret         *Ref             `json:"secret,omitempty"`
	ServiceAccount Ref              `json:"serviceaccount"`
	WarnAfter      *jwt.NumericDate `json:"warnafter,omitempty"`
}

// Ref is an object: another of its name has another UID.
type Ref struct {
	Name string    `json:"name,omitempty"`
	UID  types.UID `json:"uid,omitempty"`
}

// Legacy names the account and the secret that holds the token.
type Legacy struct {
	Namespace      string    `json:"kubernetes.io/serviceaccount/namespace,omitempty"`
	SecretName     string    `json:"kubernetes.io/serviceaccount/secret.name,omitempty"`
	ServiceAccount string    `json:"kubernetes.io/serviceaccount/service-account.name,omitempty"`
	UID            types.UID `json:"kubernetes.io/serviceaccount/service-account.uid,omitempty"`
}

// Request is what a bound token is asked to say. At most one of Pod, Secret and Node is bound; a pod brings its node with it.
type Request struct {
	ServiceAccount *v1.ServiceAccount
	Pod            *v1.Pod
	Secret         *v1.Secret
	Node           *v1.Node
	Audiences      []string
	Expires        time.Duration
	// WarnAfter is when use of the token is noted as stale; zero means never.
	WarnAfter time.Duration
}

// Claims returns what the token says if it is made now. The issuer adds its own name.
func (r *Request) Claims(now time.Time) *Claims {
	bound := &Bound{
		Namespace:      r.ServiceAccount.Namespace,
		ServiceAccount: Ref{Name: r.ServiceAccount.Name, UID: r.ServiceAccount.UID},
	}
	switch {
	case r.Pod != nil:
		bound.Pod = &Ref{Name: r.Pod.Name, UID: r.Pod.UID}
		if r.Node != nil {
			bound.Node = &Ref{Name: r.Node.Name, UID: r.Node.UID}
		} else if r.Pod.Spec.NodeName != "" {
			bound.Node = &Ref{Name: r.Pod.Spec.NodeName}
		}
	case r.Secret != nil:
		bound.Secret = &Ref{Name: r.Secret.Name, UID: r.Secret.UID}
	case r.Node != nil:
		bound.Node = &Ref{Name: r.Node.Name, UID: r.Node.UID}
	}
	if r.WarnAfter > 0 {
		bound.WarnAfter = jwt.NewNumericDate(now.Add(r.WarnAfter))
	}
	return &Claims{
		Claims: jwt.Claims{
			Subject:   apiserverserviceaccount.MakeUsername(r.ServiceAccount.Namespace, r.ServiceAccount.Name),
			Audience:  r.Audiences,
			IssuedAt:  jwt.NewNumericDate(now),
			NotBefore: jwt.NewNumericDate(now),
			Expiry:    jwt.NewNumericDate(now.Add(r.Expires)),
			ID:        uuid.NewString(),
		},
		Bound: bound,
	}
}

// LegacyClaims returns what the token says that a secret holds for an account. It is signed by an Issuer named LegacyIssuer.
func LegacyClaims(account *v1.ServiceAccount, secret *v1.Secret) *Claims {
	return &Claims{
		Claims: jwt.Claims{Subject: apiserverserviceaccount.MakeUsername(account.Namespace, account.Name)},
		Legacy: Legacy{Namespace: account.Namespace, SecretName: secret.Name, ServiceAccount: account.Name, UID: account.UID},
	}
}
