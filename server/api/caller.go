package api

import (
	"context"
	"errors"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/petcd/petcd/server/auth"
)

// gatewayMark begins the metadata that a JSON gateway adds to every call. The
// gateway is a client itself: a certificate would be the gateway's, not the
// caller's (CVE-2018-16886).
const gatewayMark = "grpcgateway-"

// caller finds out who makes a call: by its token, or else by its certificate
// where clients must show one. Nobody (the zero Caller) makes those without
// either, and all of them while authentication is off.
func (s *Server) caller(ctx context.Context) (auth.Caller, error) {
	if !s.replica.Auth().Enabled() {
		return auth.Caller{}, nil
	}
	c, err := s.identify(ctx)
	if err == nil && s.recorder != nil {
		actorOf(ctx).note(c.Name)
	}
	return c, err
}

// identify is caller while authentication is on.
func (s *Server) identify(ctx context.Context) (auth.Caller, error) {
	users := s.replica.Auth()
	if token, ok := shownToken(ctx); ok {
		return users.CallerOf(ctx, token)
	}
	if s.certificateUsers {
		if name, ok := commonName(ctx); ok {
			return users.CallerNamed(name), nil
		}
	}
	return auth.Caller{}, nil
}

// shownToken is what a call shows in etcd's own metadata or in the usual one.
func shownToken(ctx context.Context) (string, bool) {
	v := metadata.ValueFromIncomingContext(ctx, rpctypes.TokenFieldNameGRPC)
	if len(v) == 0 {
		v = metadata.ValueFromIncomingContext(ctx, rpctypes.TokenFieldNameSwagger)
	}
	if len(v) == 0 {
		return "", false
	}
	return strings.TrimPrefix(v[0], "Bearer "), true
}

// commonName is the name that a call's certificate makes its caller's.
func commonName(ctx context.Context) (string, bool) {
	if fromGateway(ctx) {
		return "", false
	}
	return certificateName(ctx)
}

// certificateName is the name in a verified certificate of whoever is at the
// other end of the connection.
func certificateName(ctx context.Context) (string, bool) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return "", false
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok {
		return "", false
	}
	for _, chain := range info.State.VerifiedChains {
		if len(chain) > 0 {
			return chain[0].Subject.CommonName, true
		}
	}
	return "", false
}

// fromGateway tells whether a JSON gateway makes the call for somebody else.
func fromGateway(ctx context.Context) bool {
	md, _ := metadata.FromIncomingContext(ctx)
	for key := range md {
		if strings.HasPrefix(key, gatewayMark) {
			return true
		}
	}
	return false
}

// known refuses nobody.
func (s *Server) known(ctx context.Context) error {
	if !s.replica.Auth().Enabled() {
		return nil
	}
	c, err := s.caller(ctx)
	if err == nil && c == (auth.Caller{}) {
		err = auth.ErrUserEmpty
	}
	return err
}

// administrator refuses everybody but root.
func (s *Server) administrator(ctx context.Context) error {
	c, err := s.caller(ctx)
	if err != nil {
		return err
	}
	return s.replica.Auth().View().MayAdministrate(c)
}

// tried is how often a request is tried when users or roles change under it.
const tried = 4

// permitted calls get if check lets the caller do that, and keeps what it
// returned if neither users nor roles have changed meanwhile. Otherwise it
// begins again, unless the caller's token is bound to the rules before.
func permitted[T any](ctx context.Context, s *Server, check func(*auth.View, auth.Caller) error,
	get func(*auth.View, auth.Caller) (T, error),
) (resp T, err error) {
	users := s.replica.Auth()
	var last auth.Caller
	for range tried {
		c, err := s.caller(ctx)
		if err != nil {
			return resp, err
		}
		if last.Revision != 0 && c.Revision <= last.Revision {
			break
		}
		last = c
		v := users.View()
		if err := check(v, c); err != nil {
			if errors.Is(err, auth.ErrOldRevision) {
				continue
			}
			return resp, err
		}
		got, err := get(v, c)
		if v.SameRules(users.View()) {
			return got, err
		}
	}
	return resp, auth.ErrOldRevision
}

// unexpired is the check of a read. A token of another revision reads nothing,
// not even in a transaction that names no key; one of a revision that is yet to
// come may watch and keep leases alive, as in etcd.
func unexpired(check func(*auth.View, auth.Caller) error) func(*auth.View, auth.Caller) error {
	return func(v *auth.View, c auth.Caller) error {
		if err := check(v, c); err != nil {
			return err
		}
		if c.Revision != 0 && c.Revision != v.Revision() {
			return auth.ErrOldRevision
		}
		return nil
	}
}

// reads is the check of who reads [key, end).
func reads(key, end []byte) func(*auth.View, auth.Caller) error {
	return func(v *auth.View, c auth.Caller) error { return v.MayRead(c, key, end) }
}

// allowed makes a check of the caller. It returns the view for which the caller
// passed, nil while authentication is off.
func (s *Server) allowed(ctx context.Context, check func(*auth.View, auth.Caller) error) (*auth.View, error) {
	if !s.replica.Auth().Enabled() {
		return nil, nil
	}
	return permitted(ctx, s, check, func(v *auth.View, _ auth.Caller) (*auth.View, error) { return v, nil })
}

// unchanged tells whether what the view that allowed gave permits is what the
// newest does.
func (s *Server) unchanged(passed *auth.View) bool {
	v := s.replica.Auth().View()
	if passed == nil {
		return !v.Enabled()
	}
	return passed.SameRules(v)
}
