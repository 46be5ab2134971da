package reviews

import (
	"context"
	"errors"
	"net/http"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/registry/rest"
)

// Authentication returns the questions of authentication.k8s.io/v1: whose a token is, which the authenticator of requests decides, and
// who is asking. Tokens count as meant for the audiences if a question names none.
func Authentication(requests authenticator.Request, audiences authenticator.Audiences) map[string]rest.Storage {
	t := &tokenReview{requests, audiences}
	return map[string]rest.Storage{
		"tokenreviews": &review[*authenticationv1.TokenReview]{
			singular: "tokenreview", make: func() *authenticationv1.TokenReview { return &authenticationv1.TokenReview{} },
			check: t.check, answer: t.answer,
		},
		"selfsubjectreviews": &review[*authenticationv1.SelfSubjectReview]{
			singular: "selfsubjectreview", make: func() *authenticationv1.SelfSubjectReview { return &authenticationv1.SelfSubjectReview{} },
			answer: whoAmI,
		},
	}
}

type tokenReview struct {
	requests  authenticator.Request
	audiences authenticator.Audiences
}

func (*tokenReview) check(_ context.Context, q *authenticationv1.TokenReview) error {
	if q.Spec.Token == "" {
		return apierrors.NewBadRequest("token is required for TokenReview in authentication")
	}
	return nil
}

// answer asks as if a request had come with the token: so the answer is what would happen to one.
func (t *tokenReview) answer(ctx context.Context, q *authenticationv1.TokenReview) error {
	wanted := authenticator.Audiences(q.Spec.Audiences)
	if len(wanted) == 0 {
		wanted = t.audiences
	}
	if len(wanted) > 0 {
		ctx = authenticator.WithAudiences(ctx, wanted)
	}
	req := (&http.Request{Header: http.Header{"Authorization": {"Bearer " + q.Spec.Token}}}).WithContext(ctx)
	q.Status = authenticationv1.TokenReviewStatus{}
	resp, ok, err := t.requests.AuthenticateRequest(req)
	if err != nil {
		q.Status.Error = err.Error()
	}
	if !ok || resp == nil || resp.User == nil {
		return nil
	}
	if len(wanted) > 0 && len(wanted.Intersect(resp.Audiences)) == 0 {
		return apierrors.NewInternalError(errors.New("error validating audiences"))
	}
	q.Status.Authenticated = true
	q.Status.User = userInfo(resp.User)
	q.Status.Audiences = resp.Audiences
	return nil
}

func whoAmI(ctx context.Context, q *authenticationv1.SelfSubjectReview) error {
	u, err := asker(ctx)
	if err != nil {
		return err
	}
	q.Status = authenticationv1.SelfSubjectReviewStatus{UserInfo: userInfo(u)}
	return nil
}

func userInfo(u user.Info) authenticationv1.UserInfo {
	info := authenticationv1.UserInfo{Username: u.GetName(), UID: u.GetUID(), Groups: u.GetGroups()}
	for key, values := range u.GetExtra() {
		if info.Extra == nil {
			info.Extra = map[string]authenticationv1.ExtraValue{}
		}
		info.Extra[key] = values
	}
	return info
}
