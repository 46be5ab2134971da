package apiserver

import (
	"context"
	"crypto"
	"fmt"
	"slices"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	genericadmission "k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/petcd/petcd/orchestrator/apiserver/authn"
	"github.com/petcd/petcd/orchestrator/apiserver/authz"
	"github.com/petcd/petcd/orchestrator/apiserver/bootstraptoken"
	"github.com/petcd/petcd/orchestrator/apiserver/rbac"
	"github.com/petcd/petcd/orchestrator/apiserver/registry"
	"github.com/petcd/petcd/orchestrator/apiserver/reviews"
	"github.com/petcd/petcd/orchestrator/apiserver/serviceaccount"
)

// accounts is what makes and verifies the tokens of service accounts.
type accounts struct {
	tokens        registry.TokenConfig
	authenticator authenticator.Token
	discovery     *serviceaccount.Discovery // nil for an issuer that is no address
}

// security sets who is believed and who may do what.
func (b *builder) security(ctx context.Context) error {
	var err error
	if b.accounts, err = b.options.Authentication.accounts(b); err != nil {
		return err
	}
	if err := b.authentication(ctx); err != nil {
		return err
	}
	b.config.Authorization.Authorizer, b.rules, err = authz.New(b.options.Modes, b.informers)
	return err
}

// accounts reads the keys of tokens. Whoever signs is believed.
func (o *AuthenticationOptions) accounts(b *builder) (*accounts, error) {
	key, err := serviceaccount.ReadPrivateKey(o.SigningKeyFile)
	if err != nil {
		return nil, fmt.Errorf("--service-account-signing-key-file: %w", err)
	}
	issuer, err := serviceaccount.NewIssuer(o.Issuers[0], key)
	if err != nil {
		return nil, err
	}
	keys, err := o.keys(key)
	if err != nil {
		return nil, err
	}
	verifier, err := serviceaccount.NewAuthenticator(serviceaccount.Config{
		Keys: keys, Issuers: o.Issuers, Audiences: o.Audiences, Getter: serviceaccount.NewGetter(b.client, b.informers), Clock: clock.RealClock{},
	})
	if err != nil {
		return nil, err
	}
	discovery, err := serviceaccount.NewDiscovery(o.Issuers[0], "https://"+b.options.Server.ExternalHost+serviceaccount.KeysPath, keys)
	if err != nil {
		klog.Background().Info("Others cannot find out how to verify tokens of accounts", "err", err)
	}
	return &accounts{
		tokens:        registry.TokenConfig{Issuer: issuer, Audiences: o.Audiences, Max: o.TokenMax},
		authenticator: verifier, discovery: discovery,
	}, nil
}

func (o *AuthenticationOptions) keys(signing crypto.Signer) ([]serviceaccount.PublicKey, error) {
	own, err := serviceaccount.NewPublicKey(signing)
	if err != nil {
		return nil, err
	}
	keys := []serviceaccount.PublicKey{own}
	if len(o.KeyFiles) == 0 {
		return keys, nil
	}
	more, err := serviceaccount.ReadPublicKeys(o.KeyFiles...)
	if err != nil {
		return nil, fmt.Errorf("--service-account-key-file: %w", err)
	}
	for _, k := range more {
		if !slices.ContainsFunc(keys, func(have serviceaccount.PublicKey) bool { return have.ID == k.ID }) {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// install serves the documents by which others verify the tokens.
func (a *accounts) install(s *genericapiserver.GenericAPIServer) {
	if a.discovery != nil {
		a.discovery.Install(s.Handler.NonGoRestfulMux)
	}
}

// authentication joins the ways to show who one is.
func (b *builder) authentication(ctx context.Context) error {
	o, c := &b.options.Authentication, &b.config.Authentication
	options := authn.Options{
		TokenFile: o.TokenFile, ServiceAccounts: b.accounts.authenticator, Audiences: o.Audiences, CacheTTL: authn.DefaultCacheTTL, Anonymous: o.Anonymous,
	}
	if o.ClientCAFile != "" {
		authorities, err := dynamiccertificates.NewDynamicCAContentFromFile("client-ca-bundle", o.ClientCAFile)
		if err != nil {
			return fmt.Errorf("--client-ca-file: %w", err)
		}
		if err := c.ApplyClientCert(authorities, b.config.SecureServing); err != nil {
			return fmt.Errorf("--client-ca-file: %w", err)
		}
		options.ClientCA, b.clientCA = authorities, authorities.CurrentCABundleContent()
	}
	proxies, err := o.RequestHeader.ToAuthenticationRequestHeaderConfig()
	if err != nil {
		return fmt.Errorf("--requestheader-client-ca-file: %w", err)
	}
	if proxies != nil {
		if err := c.ApplyClientCert(proxies.CAContentProvider, b.config.SecureServing); err != nil {
			return fmt.Errorf("--requestheader-client-ca-file: %w", err)
		}
		options.RequestHeader, c.RequestHeaderConfig = proxies, proxies
	}
	if o.BootstrapToken {
		secrets := b.informers.Core().V1().Secrets().Lister().Secrets(metav1.NamespaceSystem)
		options.BootstrapTokens = &bootstraptoken.Authenticator{Secrets: secrets, Clock: clock.RealClock{}}
	}
	if c.Authenticator, err = authn.New(options); err != nil {
		return err
	}
	c.APIAudiences = o.Audiences
	return nil
}

// guardRoles keeps users from granting what they have not, where roles decide what they have.
func (b *builder) guardRoles() {
	if !slices.Contains(b.options.Modes, authz.RBAC) {
		return
	}
	guard := &rbac.Escalation{Authorizer: b.config.Authorization.Authorizer, Resolver: rbac.NewResolver(b.informers.Rbac().V1())}
	// It is first, as what it refuses must not be charged to a quota.
	b.config.AdmissionControl = genericadmission.NewChainHandler(guard, b.config.AdmissionControl)
}

// addReviews adds the kinds by which clients ask who they are and what they may do.
func (b *builder) addReviews(all storages) {
	for resource, storage := range reviews.Authentication(b.config.Authentication.Authenticator, b.options.Authentication.Audiences) {
		all.add(authenticationv1.SchemeGroupVersion, resource, storage)
	}
	for resource, storage := range reviews.Authorization(b.config.Authorization.Authorizer, b.rules) {
		all.add(authorizationv1.SchemeGroupVersion, resource, storage)
	}
}

// kubelet says how kubelets are reached.
func (b *builder) kubelet() registry.KubeletOptions {
	o := &b.options.Kubelet
	k := registry.KubeletOptions{CertFile: o.CertFile, KeyFile: o.KeyFile, CAFile: o.CAFile, Port: kubeletPort}
	for _, typ := range o.AddressTypes {
		k.AddressTypes = append(k.AddressTypes, corev1.NodeAddressType(typ))
	}
	return k
}

// kubeletPort is where kubelets serve that do not say otherwise.
const kubeletPort = 10250
