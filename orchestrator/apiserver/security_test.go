package apiserver

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/petcd/petcd/orchestrator/apiserver/admission/admissiontest"
	"github.com/petcd/petcd/orchestrator/apiserver/authz"
)

// charged counts the requests that get as far as a quota.
type charged int

// Handles implements admission.Interface.
func (*charged) Handles(admission.Operation) bool { return true }

// Validate implements admission.ValidationInterface.
func (c *charged) Validate(context.Context, admission.Attributes, admission.ObjectInterfaces) error {
	*c++
	return nil
}

// A role that grants too much is refused before a quota is charged for it.
func TestRolesAreGuardedBeforeQuotas(t *testing.T) {
	quota := new(charged)
	b := &builder{
		options: &Options{Modes: []string{authz.RBAC}}, informers: informers.NewSharedInformerFactory(fake.NewClientset(), 0),
		config: &genericapiserver.Config{AdmissionControl: quota},
	}
	b.config.Authorization.Authorizer = authorizerfactory.NewAlwaysDenyAuthorizer()
	b.guardRoles()
	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "r"},
		Rules:      []rbacv1.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"secrets"}}},
	}
	send := func(who user.Info) error {
		return admissiontest.Send(context.Background(), b.config.AdmissionControl, admissiontest.Request{Object: role, User: who})
	}
	require.True(t, apierrors.IsForbidden(send(&user.DefaultInfo{Name: "u"})))
	require.Zero(t, *quota)
	require.NoError(t, send(&user.DefaultInfo{Name: "admin", Groups: []string{user.SystemPrivilegedGroup}}))
	require.EqualValues(t, 1, *quota)
}
