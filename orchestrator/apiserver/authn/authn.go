package authn

import (
	"errors"
	"fmt"
	"time"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/anonymous"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/pkg/authentication/request/headerrequest"
	requestunion "k8s.io/apiserver/pkg/authentication/request/union"
	"k8s.io/apiserver/pkg/authentication/request/websocket"
	"k8s.io/apiserver/pkg/authentication/request/x509"
	"k8s.io/apiserver/pkg/authentication/token/cache"
	"k8s.io/apiserver/pkg/authentication/token/tokenfile"
	tokenunion "k8s.io/apiserver/pkg/authentication/token/union"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
)

// DefaultCacheTTL is for how long a good token is believed without a look.
const DefaultCacheTTL = 10 * time.Second

// Options say which credentials are accepted. What is left zero is not.
type Options struct {
	// ClientCA are the authorities of client certificates. The user is the common name, the groups are the organizations.
	ClientCA dynamiccertificates.CAContentProvider
	// RequestHeader says which proxies may tell by headers who is asking.
	RequestHeader *authenticatorfactory.RequestHeaderConfig
	// TokenFile has lines of token, user, UID and "group,group". It is read once.
	TokenFile string
	// ServiceAccounts judges tokens of accounts: serviceaccount.Authenticator.
	ServiceAccounts authenticator.Token
	// BootstrapTokens judges tokens of machines that join: bootstraptoken.Authenticator.
	BootstrapTokens authenticator.Token
	// Audiences are those of the apiserver. Tokens that say nothing of audiences count as meant for these.
	Audiences authenticator.Audiences
	// CacheTTL bounds for how long a token works on after its account is gone. Zero asks every time.
	CacheTTL time.Duration
	// Anonymous lets requests in that have no credentials.
	Anonymous bool
}

// New returns what authenticates requests.
func New(o Options) (authenticator.Request, error) {
	ways, err := o.ways()
	if err != nil {
		return nil, err
	}
	if len(ways) == 0 && !o.Anonymous {
		return nil, errors.New("authentication: no way is configured and anonymous requests are not allowed: nobody could do anything")
	}
	known := group.NewAuthenticatedGroupAdder(requestunion.New(ways...))
	if !o.Anonymous {
		return known, nil
	}
	return requestunion.NewFailOnError(known, anonymous.NewAuthenticator(nil)), nil
}

// ways returns an authenticator for each kind of credential, the front proxy's first: it speaks for others by its own certificate.
func (o *Options) ways() ([]authenticator.Request, error) {
	var ways []authenticator.Request
	if h := o.RequestHeader; h != nil {
		ways = append(ways, headerrequest.NewDynamicVerifyOptionsSecure(h.CAContentProvider.VerifyOptions,
			h.AllowedClientNames, h.UsernameHeaders, h.UIDHeaders, h.GroupHeaders, h.ExtraHeaderPrefixes))
	}
	if o.ClientCA != nil {
		ways = append(ways, x509.NewDynamic(o.ClientCA.VerifyOptions, x509.CommonNameUserConversion))
	}
	tokens, err := o.tokens()
	if err != nil {
		return nil, err
	}
	if tokens != nil {
		// A browser can set no header on a web socket: there the token comes as a protocol's name.
		ways = append(ways, bearertoken.New(tokens), websocket.NewProtocolAuthenticator(tokens))
	}
	return ways, nil
}

// tokens returns what judges bearer tokens, nil if none are accepted.
func (o *Options) tokens() (authenticator.Token, error) {
	var judges []authenticator.Token
	if o.TokenFile != "" {
		fromFile, err := tokenfile.NewCSV(o.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("token-auth-file: %w", err)
		}
		judges = append(judges, authenticator.WrapAudienceAgnosticToken(o.Audiences, fromFile))
	}
	if o.ServiceAccounts != nil {
		judges = append(judges, o.ServiceAccounts)
	}
	if o.BootstrapTokens != nil {
		judges = append(judges, authenticator.WrapAudienceAgnosticToken(o.Audiences, o.BootstrapTokens))
	}
	if len(judges) == 0 {
		return nil, nil
	}
	all := tokenunion.New(judges...)
	if o.CacheTTL > 0 {
		all = cache.New(all, true, o.CacheTTL, 0) // a refusal is not kept: the account may be there in a moment
	}
	return all, nil
}
