package serviceaccount

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4/jwt"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	apiserverserviceaccount "k8s.io/apiserver/pkg/authentication/serviceaccount"
	apiserverjwt "k8s.io/apiserver/pkg/authentication/token/jwt"
	"k8s.io/utils/clock"
)

// Config is what an Authenticator needs to know.
type Config struct {
	Keys []PublicKey
	// Issuers are those of bound tokens. Legacy tokens are always judged too.
	Issuers []string
	// Audiences are those of the apiserver: what a token must be meant for unless the request asks for other ones.
	Audiences authenticator.Audiences
	Getter    Getter
	Clock     clock.PassiveClock
}

// Authenticator implements authenticator.Token. It has no opinion on what is not a token of its issuers, so that others may try; all
// else it accepts, or refuses with an error.
type Authenticator struct {
	Config
}

// NewAuthenticator returns an authenticator that believes in all the keys.
func NewAuthenticator(c Config) (*Authenticator, error) {
	if len(c.Keys) == 0 {
		return nil, errors.New("service account tokens: no key to verify them with")
	}
	for _, issuer := range c.Issuers {
		if err := ValidIssuer(issuer); err != nil {
			return nil, err
		}
	}
	return &Authenticator{c}, nil
}

// AuthenticateToken implements authenticator.Token.
func (a *Authenticator) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	issuer, ok := claimedIssuer(token)
	if !ok || issuer != LegacyIssuer && !slices.Contains(a.Issuers, issuer) {
		return nil, false, nil
	}
	claims, err := a.verify(token)
	if err != nil {
		return nil, false, err
	}
	if claims.Issuer != issuer {
		return nil, false, errors.New("service account token names its issuer ambiguously")
	}
	audiences, err := a.audiencesOf(ctx, claims)
	if err != nil {
		return nil, false, err
	}
	var info *apiserverserviceaccount.ServiceAccountInfo
	if claims.Issuer == LegacyIssuer {
		info, err = a.legacy(ctx, claims, token)
	} else {
		info, err = a.bound(ctx, claims)
	}
	if err != nil {
		return nil, false, err
	}
	return &authenticator.Response{User: info.UserInfo(), Audiences: audiences}, true, nil
}

// claimedIssuer reads the issuer out of a token that nobody has verified.
func claimedIssuer(token string) (string, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", false
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return "", false
	}
	return claims.Issuer, true
}

// verify returns the claims of a token that one of the keys has signed: the one that its header names, or any if it names none of them.
func (a *Authenticator) verify(token string) (*Claims, error) {
	signed, err := jwt.ParseSigned(token, algorithms())
	if err != nil {
		return nil, fmt.Errorf("service account token: %w", err)
	}
	keys := a.Keys
	if len(signed.Headers) > 0 {
		named := slices.IndexFunc(keys, func(k PublicKey) bool { return k.ID == signed.Headers[0].KeyID })
		if named >= 0 {
			keys = keys[named : named+1]
		}
	}
	for _, key := range keys {
		claims := &Claims{}
		if err = signed.Claims(key.Key, claims); err == nil {
			return claims, nil
		}
	}
	return nil, fmt.Errorf("service account token: %w", err)
}

// audiencesOf returns for which of the wanted audiences a token is meant.
func (a *Authenticator) audiencesOf(ctx context.Context, c *Claims) (authenticator.Audiences, error) {
	meant := authenticator.Audiences(c.Audience)
	if len(meant) == 0 { // legacy tokens are for the apiserver only
		audit.AddAuditAnnotation(ctx, "authentication.k8s.io/legacy-token", c.Subject)
		meant = a.Audiences
	}
	wanted, ok := authenticator.AudiencesFrom(ctx)
	if !ok {
		wanted = a.Audiences
	}
	both := meant.Intersect(wanted)
	if len(both) == 0 && len(a.Audiences) != 0 {
		return nil, fmt.Errorf("token audiences %q is invalid for the target audiences %q", meant, wanted)
	}
	return both, nil
}

// bound judges a bound token: its time, and whether all that it names is still the same.
func (a *Authenticator) bound(ctx context.Context, c *Claims) (*apiserverserviceaccount.ServiceAccountInfo, error) {
	now := a.Clock.Now()
	switch err := c.Validate(jwt.Expected{Time: now}); {
	case errors.Is(err, jwt.ErrExpired):
		return nil, errors.New("service account token has expired")
	case errors.Is(err, jwt.ErrNotValidYet):
		return nil, errors.New("service account token is not valid yet")
	case err != nil:
		return nil, fmt.Errorf("service account token claims could not be validated: %w", err)
	case c.Bound == nil:
		return nil, errors.New("service account token names no service account")
	case c.Expiry == nil:
		return nil, errors.New("service account token does not expire")
	}
	b := c.Bound
	info := &apiserverserviceaccount.ServiceAccountInfo{
		Namespace: b.Namespace, Name: b.ServiceAccount.Name, UID: string(b.ServiceAccount.UID),
		CredentialID: apiserverjwt.CredentialIDForJTI(c.ID),
	}
	if c.Subject != apiserverserviceaccount.MakeUsername(info.Namespace, info.Name) {
		return nil, fmt.Errorf("service account token subject %q is not that of its service account", c.Subject)
	}
	// An object that is about to go still counts for as long as clocks may differ.
	deadline := now.Add(-jwt.DefaultLeeway)

	account, err := a.Getter.ServiceAccount(ctx, info.Namespace, info.Name)
	if err := same("service account", b.Namespace, &b.ServiceAccount, account, err, deadline); err != nil {
		return nil, err
	}
	if b.Secret != nil {
		secret, err := a.Getter.Secret(ctx, b.Namespace, b.Secret.Name)
		if err := same("secret", b.Namespace, b.Secret, secret, err, deadline); err != nil {
			return nil, err
		}
	}
	if b.Pod != nil {
		pod, err := a.Getter.Pod(ctx, b.Namespace, b.Pod.Name)
		if err := same("pod", b.Namespace, b.Pod, pod, err, deadline); err != nil {
			return nil, err
		}
		info.PodName, info.PodUID = b.Pod.Name, string(b.Pod.UID)
	}
	if b.Node != nil {
		if b.Pod == nil { // beside a pod it only tells where that one is
			node, err := a.Getter.Node(ctx, b.Node.Name)
			if err := same("node", "", b.Node, node, err, deadline); err != nil {
				return nil, err
			}
		}
		info.NodeName, info.NodeUID = b.Node.Name, string(b.Node.UID)
	}
	if b.WarnAfter != nil && now.After(b.WarnAfter.Time()) {
		audit.AddAuditAnnotation(ctx, "authentication.k8s.io/stale-token",
			fmt.Sprintf("subject: %s, seconds after warning threshold: %.0f", c.Subject, now.Sub(b.WarnAfter.Time()).Seconds()))
	}
	return info, nil
}

// legacy judges a token that lies in a secret.
func (a *Authenticator) legacy(ctx context.Context, c *Claims, token string) (*apiserverserviceaccount.ServiceAccountInfo, error) {
	l := &c.Legacy
	switch {
	case l.Namespace == "":
		return nil, errors.New("namespace is not set in token claims")
	case l.SecretName == "":
		return nil, errors.New("secretName is not set in token claims")
	case l.ServiceAccount == "":
		return nil, errors.New("serviceAccountName is not set in token claims")
	case l.UID == "":
		return nil, errors.New("serviceAccountUID is not set in token claims")
	case c.Subject != apiserverserviceaccount.MakeUsername(l.Namespace, l.ServiceAccount):
		return nil, errors.New("sub claim is not valid")
	}
	secret, err := a.Getter.Secret(ctx, l.Namespace, l.SecretName)
	if err != nil || secret.DeletionTimestamp != nil || string(secret.Data["token"]) != token {
		return nil, errors.New("service account token has been invalidated")
	}
	account, err := a.Getter.ServiceAccount(ctx, l.Namespace, l.ServiceAccount)
	if err := same("service account", l.Namespace, &Ref{l.ServiceAccount, l.UID}, account, err, a.Clock.Now()); err != nil {
		return nil, err
	}
	return &apiserverserviceaccount.ServiceAccountInfo{Namespace: l.Namespace, Name: l.ServiceAccount, UID: string(l.UID)}, nil
}
