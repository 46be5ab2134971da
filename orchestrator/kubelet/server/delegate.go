package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/kubernetes"
)

// Delegation says who is asked who a client is and what he may. 0 is upstream's default for a time.
type Delegation struct {
	Client       kubernetes.Interface // the apiserver
	ClientCAFile string               // clients with a certificate of it are who that says; "": none are
	Tokens       bool                 // clients with a token are who the apiserver says (--authentication-token-webhook)
	Anonymous    bool                 // all others are system:anonymous; or else refused
	AlwaysAllow  bool                 // the apiserver isn't asked what they may (--authorization-mode=AlwaysAllow)

	TokenTTL, AllowTTL, DenyTTL time.Duration // how long the apiserver's answers are kept
}

// errNoApiserver says that there is nobody to ask.
var errNoApiserver = errors.New("server: to ask the apiserver, a client of it is needed")

// reviewTimeout is how long the apiserver gets to say who somebody is.
const reviewTimeout = 10 * time.Second

// New makes what Options need. Until ctx ends a client CA that changes is read again.
func (d *Delegation) New(ctx context.Context) (authenticator.Request, authorizer.Authorizer, error) {
	if d.Client == nil && (d.Tokens || !d.AlwaysAllow) {
		return nil, nil, errNoApiserver
	}
	backOff := &wait.Backoff{Duration: 500 * time.Millisecond, Factor: 1.5, Jitter: 0.2, Steps: 5}
	who := authenticatorfactory.DelegatingAuthenticatorConfig{
		Anonymous: &apiserver.AnonymousAuthConfig{Enabled: d.Anonymous}, CacheTTL: cmp.Or(d.TokenTTL, 2*time.Minute),
		WebhookRetryBackoff: backOff, TokenAccessReviewTimeout: reviewTimeout,
	}
	if d.Tokens {
		who.TokenAccessReviewClient = d.Client.AuthenticationV1()
	}
	if d.ClientCAFile != "" {
		ca, err := dynamiccertificates.NewDynamicCAContentFromFile("client-ca-bundle", d.ClientCAFile)
		if err != nil {
			return nil, nil, fmt.Errorf("server: client CA: %w", err)
		}
		go ca.Run(ctx, 1)
		who.ClientCertificateCAContentProvider = ca
	}
	authn, _, err := who.New()
	if err != nil {
		return nil, nil, fmt.Errorf("server: authentication: %w", err)
	}
	if d.AlwaysAllow {
		return authn, authorizerfactory.NewAlwaysAllowAuthorizer(), nil
	}
	may := authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: d.Client.AuthorizationV1(), AllowCacheTTL: cmp.Or(d.AllowTTL, 5*time.Minute),
		DenyCacheTTL: cmp.Or(d.DenyTTL, 30*time.Second), WebhookRetryBackoff: backOff,
	}
	authz, err := may.New()
	if err != nil {
		return nil, nil, fmt.Errorf("server: authorization: %w", err)
	}
	return authn, authz, nil
}
