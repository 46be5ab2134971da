package reviews

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
)

// judge allows to get, denies to delete, and remembers what it was asked.
type judge struct {
	authorizer.AuthorizerFunc
	asked authorizer.Attributes
}

func newJudge() *judge {
	j := &judge{}
	j.AuthorizerFunc = func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
		j.asked = a
		switch a.GetVerb() {
		case "get":
			return authorizer.DecisionAllow, "because", nil
		case "delete":
			return authorizer.DecisionDeny, "no", nil
		default:
			return authorizer.DecisionNoOpinion, "", errors.New("half of me is broken")
		}
	}
	return j
}

func (*judge) RulesFor(_ context.Context, u user.Info, namespace string) ([]authorizer.ResourceRuleInfo, []authorizer.NonResourceRuleInfo, bool, error) {
	if namespace == "empty" {
		return nil, nil, true, errors.New("some are missing")
	}
	return []authorizer.ResourceRuleInfo{&authorizer.DefaultResourceRuleInfo{
			Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"pods"}, ResourceNames: []string{u.GetName() + "/" + namespace},
		}},
		[]authorizer.NonResourceRuleInfo{&authorizer.DefaultNonResourceRuleInfo{Verbs: []string{"get"}, NonResourceURLs: []string{"/healthz"}}}, false, nil
}

func ask(ctx context.Context, t *testing.T, s rest.Storage, question runtime.Object) error {
	creater, ok := s.(rest.Creater)
	require.True(t, ok)
	require.IsType(t, question, s.New())
	_, ok = s.(rest.Scoper)
	require.True(t, ok)
	answer, err := creater.Create(ctx, question, rest.ValidateAllObjectFunc, &metav1.CreateOptions{})
	if err == nil {
		require.Same(t, question, answer)
	}
	return err
}

func as(name string, groups ...string) context.Context {
	return request.WithUser(context.Background(), &user.DefaultInfo{Name: name, UID: "7", Groups: groups, Extra: map[string][]string{"k": {"v"}}})
}

func TestStoragesHaveTheNamesOfTheirKinds(t *testing.T) {
	all := Authorization(newJudge(), newJudge())
	for name, s := range Authentication(nil, nil) {
		all[name] = s
	}
	require.Len(t, all, 6)
	for plural, s := range all {
		singular, ok := s.(rest.SingularNameProvider)
		require.True(t, ok)
		require.Equal(t, plural, singular.GetSingularName()+"s")
		require.Equal(t, plural == "localsubjectaccessreviews", s.(rest.Scoper).NamespaceScoped())
		s.Destroy()
		creater, ok := s.(rest.Creater)
		require.True(t, ok)
		_, err := creater.Create(as("x"), &metav1.Status{}, nil, &metav1.CreateOptions{})
		require.True(t, apierrors.IsBadRequest(err), "another kind")
	}
}

func TestMayI(t *testing.T) {
	tests := []struct {
		name string
		spec authorizationv1.SelfSubjectAccessReviewSpec
		want authorizationv1.SubjectAccessReviewStatus
	}{
		{"yes", authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "get", Resource: "pods"}},
			authorizationv1.SubjectAccessReviewStatus{Allowed: true, Reason: "because"}},
		{"a path", authorizationv1.SelfSubjectAccessReviewSpec{NonResourceAttributes: &authorizationv1.NonResourceAttributes{Verb: "get", Path: "/x"}},
			authorizationv1.SubjectAccessReviewStatus{Allowed: true, Reason: "because"}},
		{"denied", authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "delete", Resource: "pods"}},
			authorizationv1.SubjectAccessReviewStatus{Denied: true, Reason: "no"}},
		{"no opinion", authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "list", Resource: "pods"}},
			authorizationv1.SubjectAccessReviewStatus{EvaluationError: "half of me is broken"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := newJudge()
			q := &authorizationv1.SelfSubjectAccessReview{Spec: tt.spec}
			require.NoError(t, ask(as("alice"), t, Authorization(j, j)["selfsubjectaccessreviews"], q))
			require.Equal(t, tt.want, q.Status)
			require.Equal(t, "alice", j.asked.GetUser().GetName())
			require.Equal(t, tt.spec.ResourceAttributes != nil, j.asked.IsResourceRequest())
			if n := tt.spec.NonResourceAttributes; n != nil {
				require.Equal(t, n.Path, j.asked.GetPath())
			}
		})
	}
}

func TestMayThisUser(t *testing.T) {
	j := newJudge()
	q := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: "bob", UID: "8", Groups: []string{"dev"}, Extra: map[string]authorizationv1.ExtraValue{"k": {"v"}},
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: "get", Group: "apps", Resource: "deployments", Subresource: "scale", Namespace: "ns", Name: "d",
			FieldSelector: &authorizationv1.FieldSelectorAttributes{Requirements: []metav1.FieldSelectorRequirement{
				{Key: "spec.nodeName", Operator: metav1.FieldSelectorOpIn, Values: []string{"n"}}, {Key: "x", Operator: metav1.FieldSelectorOpExists},
			}},
			LabelSelector: &authorizationv1.LabelSelectorAttributes{RawSelector: "a in (b,c)"},
		},
	}}
	require.NoError(t, ask(as("alice"), t, Authorization(j, j)["subjectaccessreviews"], q))
	require.True(t, q.Status.Allowed)
	require.Contains(t, q.Status.EvaluationError, "fieldSelector partially ignored")
	require.Equal(t, &user.DefaultInfo{Name: "bob", UID: "8", Groups: []string{"dev"}, Extra: map[string][]string{"k": {"v"}}}, j.asked.GetUser())
	require.Equal(t, []string{"apps", "*", "deployments", "scale", "ns", "d"},
		[]string{j.asked.GetAPIGroup(), j.asked.GetAPIVersion(), j.asked.GetResource(), j.asked.GetSubresource(), j.asked.GetNamespace(), j.asked.GetName()})
	fields, _ := j.asked.GetFieldSelector()
	require.Len(t, fields, 1)
	require.Equal(t, "n", fields[0].Value)
	labels, err := j.asked.GetLabelSelector()
	require.NoError(t, err)
	require.Len(t, labels, 1)
	require.Equal(t, "a in (b,c)", labels[0].String())
}

func TestQuestionsThatMakeNoSense(t *testing.T) {
	resource := func() *authorizationv1.ResourceAttributes {
		return &authorizationv1.ResourceAttributes{Verb: "get", Resource: "pods"}
	}
	path := &authorizationv1.NonResourceAttributes{Verb: "get", Path: "/x"}
	selecting := resource()
	selecting.FieldSelector = &authorizationv1.FieldSelectorAttributes{RawSelector: "a=b", Requirements: []metav1.FieldSelectorRequirement{{Key: "a"}}}
	nothing := resource()
	nothing.LabelSelector = &authorizationv1.LabelSelectorAttributes{}
	j := newJudge()
	all := Authorization(j, j)
	tests := []struct {
		storage  string
		question runtime.Object
		want     string
	}{
		{"selfsubjectaccessreviews", &authorizationv1.SelfSubjectAccessReview{}, "exactly one of nonResourceAttributes or resourceAttributes must be specified"},
		{"selfsubjectaccessreviews", &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: resource(), NonResourceAttributes: path}}, "cannot be specified in combination with resourceAttributes"},
		{"selfsubjectaccessreviews", &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: selecting}},
			"may not specified at the same time as requirements"},
		{"selfsubjectaccessreviews", &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: nothing}},
			"requirements or rawSelector is required"},
		{"selfsubjectaccessreviews", &authorizationv1.SelfSubjectAccessReview{ObjectMeta: metav1.ObjectMeta{Name: "x"},
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: resource()}}, "metadata: Invalid value"},
		{"subjectaccessreviews", &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{ResourceAttributes: resource()}},
			"at least one of user or group must be specified"},
		{"localsubjectaccessreviews", &authorizationv1.LocalSubjectAccessReview{ObjectMeta: metav1.ObjectMeta{Namespace: "ns"},
			Spec: authorizationv1.SubjectAccessReviewSpec{User: "x", ResourceAttributes: resource()}}, "must match metadata.namespace"},
		{"localsubjectaccessreviews", &authorizationv1.LocalSubjectAccessReview{ObjectMeta: metav1.ObjectMeta{Namespace: "ns"},
			Spec: authorizationv1.SubjectAccessReviewSpec{User: "x", NonResourceAttributes: path}}, "disallowed on this kind of request"},
	}
	for _, tt := range tests {
		err := ask(as("alice"), t, all[tt.storage], tt.question)
		require.ErrorContains(t, err, tt.want)
		require.True(t, apierrors.IsInvalid(err))
	}
	require.Nil(t, j.asked, "nobody was asked")
}

func TestMayThisUserHere(t *testing.T) {
	j := newJudge()
	q := &authorizationv1.LocalSubjectAccessReview{ObjectMeta: metav1.ObjectMeta{Namespace: "ns"}, Spec: authorizationv1.SubjectAccessReviewSpec{
		Groups: []string{"dev"}, ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "get", Resource: "pods", Namespace: "ns"}}}
	require.NoError(t, ask(as("alice"), t, Authorization(j, j)["localsubjectaccessreviews"], q))
	require.True(t, q.Status.Allowed)
}

func TestWhatMayI(t *testing.T) {
	j := newJudge()
	s := Authorization(j, j)["selfsubjectrulesreviews"]
	q := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: "ns"}}
	require.NoError(t, ask(as("alice"), t, s, q))
	require.Equal(t, authorizationv1.SubjectRulesReviewStatus{
		ResourceRules: []authorizationv1.ResourceRule{
			{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"pods"}, ResourceNames: []string{"alice/ns"}},
		},
		NonResourceRules: []authorizationv1.NonResourceRule{{Verbs: []string{"get"}, NonResourceURLs: []string{"/healthz"}}},
	}, q.Status)
	q = &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: "empty"}}
	require.NoError(t, ask(as("alice"), t, s, q))
	require.Equal(t, authorizationv1.SubjectRulesReviewStatus{
		ResourceRules: []authorizationv1.ResourceRule{}, NonResourceRules: []authorizationv1.NonResourceRule{}, Incomplete: true, EvaluationError: "some are missing",
	}, q.Status, "lists are empty, not absent")
	require.ErrorContains(t, ask(as("alice"), t, s, &authorizationv1.SelfSubjectRulesReview{}), "no namespace on request")
	require.ErrorContains(t, ask(t.Context(), t, s, q), "no user present on request")
}

func TestWhoAmI(t *testing.T) {
	s := Authentication(nil, nil)["selfsubjectreviews"]
	q := &authenticationv1.SelfSubjectReview{}
	require.NoError(t, ask(as("alice", "dev"), t, s, q))
	require.Equal(t, authenticationv1.UserInfo{
		Username: "alice", UID: "7", Groups: []string{"dev"}, Extra: map[string]authenticationv1.ExtraValue{"k": {"v"}},
	}, q.Status.UserInfo)
	require.ErrorContains(t, ask(t.Context(), t, s, q), "no user present on request")
}

func TestWhoseTokenIsThis(t *testing.T) {
	requests := authenticator.RequestFunc(func(r *http.Request) (*authenticator.Response, bool, error) {
		audiences, _ := authenticator.AudiencesFrom(r.Context())
		switch r.Header.Get("Authorization") {
		case "Bearer good":
			return &authenticator.Response{User: &user.DefaultInfo{Name: "alice"}, Audiences: audiences}, true, nil
		case "Bearer careless":
			return &authenticator.Response{User: &user.DefaultInfo{Name: "alice"}}, true, nil
		default:
			return nil, false, errors.New("invalid bearer token")
		}
	})
	s := Authentication(requests, authenticator.Audiences{"api"})["tokenreviews"]
	review := func(token string, audiences ...string) (*authenticationv1.TokenReview, error) {
		q := &authenticationv1.TokenReview{
			Spec:   authenticationv1.TokenReviewSpec{Token: token, Audiences: audiences},
			Status: authenticationv1.TokenReviewStatus{Authenticated: true, Error: "what a client says"},
		}
		return q, ask(as("server"), t, s, q)
	}
	q, err := review("good")
	require.NoError(t, err)
	require.Equal(t, authenticationv1.TokenReviewStatus{
		Authenticated: true, User: authenticationv1.UserInfo{Username: "alice"}, Audiences: []string{"api"},
	}, q.Status)
	q, err = review("good", "vault")
	require.NoError(t, err)
	require.Equal(t, []string{"vault"}, q.Status.Audiences)
	q, err = review("bad")
	require.NoError(t, err)
	require.Equal(t, authenticationv1.TokenReviewStatus{Error: "invalid bearer token"}, q.Status)
	_, err = review("")
	require.ErrorContains(t, err, "token is required for TokenReview in authentication")
	q, err = review("careless")
	require.True(t, apierrors.IsInternalError(err), "an authenticator that checked no audience is not believed")
	require.False(t, q.Status.Authenticated)
}
