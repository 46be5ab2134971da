package token

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

func newSecret(change ...func(*v1.Secret)) *v1.Secret {
	s := &v1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "a", Name: "s", UID: "secret", Annotations: map[string]string{"kubernetes.io/service-account.name": "robot"},
		},
		Type: v1.SecretTypeServiceAccountToken,
	}
	for _, f := range change {
		f(s)
	}
	return s
}

func mint(sa *v1.ServiceAccount, s *v1.Secret) (string, error) {
	return "token of " + sa.Name + " in " + s.Name, nil
}

var robot = v1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "robot", UID: "1"}}

func TestSync(t *testing.T) {
	full := func(s *v1.Secret) {
		s.Annotations["kubernetes.io/service-account.uid"] = "1"
		s.Data = map[string][]byte{"token": []byte("old"), "ca.crt": []byte("CA"), "namespace": []byte("a")}
	}
	fill, remove := []string{"update secrets a/s"}, []string{"delete secrets a/s"}
	for name, c := range map[string]struct {
		secret  *v1.Secret
		account *v1.ServiceAccount
		want    []string
		token   string
	}{
		"empty":      {newSecret(), &robot, fill, "token of robot in s"},
		"full":       {newSecret(full), &robot, nil, ""},
		"another CA": {newSecret(full, func(s *v1.Secret) { s.Data["ca.crt"] = []byte("old") }), &robot, fill, "old"},
		"no account": {newSecret(full), nil, remove, ""},
		"another account": {
			newSecret(full, func(s *v1.Secret) { s.Annotations["kubernetes.io/service-account.uid"] = "0" }), &robot, remove,
			"",
		},
		"not annotated": {newSecret(func(s *v1.Secret) { s.Annotations = nil }), &robot, nil, ""},
		"another type":  {newSecret(func(s *v1.Secret) { s.Type = v1.SecretTypeOpaque }), nil, nil, ""},
		"being deleted": {newSecret(func(s *v1.Secret) { s.DeletionTimestamp = &metav1.Time{} }), nil, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			objects := []runtime.Object{c.secret}
			if c.account != nil {
				objects = append(objects, c.account)
			}
			cl := controllertest.New(t, objects...)
			f := newFiller(cl.Env, []byte("CA"), mint)
			cl.Refresh()
			require.NoError(t, f.sync(context.Background(), "a/s"))
			require.Equal(t, c.want, cl.Writes())
			if c.token != "" {
				s, err := cl.Fake.CoreV1().Secrets("a").Get(context.Background(), "s", metav1.GetOptions{})
				require.NoError(t, err)
				require.Equal(t, map[string][]byte{"token": []byte(c.token), "ca.crt": []byte("CA"), "namespace": []byte("a")}, s.Data)
				require.Equal(t, "1", s.Annotations["kubernetes.io/service-account.uid"])
			}
			require.NoError(t, f.sync(context.Background(), "a/gone"))
		})
	}
}

func TestAccountNotInTheCache(t *testing.T) {
	cl := controllertest.New(t, newSecret())
	f := newFiller(cl.Env, []byte("CA"), mint)
	cl.Refresh()
	require.NoError(t, cl.Fake.Tracker().Add(&robot))
	require.NoError(t, f.sync(context.Background(), "a/s"))
	require.Equal(t, []string{"update secrets a/s"}, cl.Writes())
}

func TestMintFails(t *testing.T) {
	no := errors.New("no key")
	cl := controllertest.New(t, newSecret(), &robot)
	f := newFiller(cl.Env, nil, func(*v1.ServiceAccount, *v1.Secret) (string, error) { return "", no })
	cl.Refresh()
	require.ErrorIs(t, f.sync(context.Background(), "a/s"), no)
	require.Empty(t, cl.Writes())
}

func TestRun(t *testing.T) {
	ctx := context.Background()
	c := controllertest.New(t, &robot)
	c.Versions()
	c.Start(New(c.Env, []byte("CA"), mint))
	_, err := c.Fake.CoreV1().Secrets("a").Create(ctx, newSecret(), metav1.CreateOptions{})
	require.NoError(t, err)
	c.Eventually(func() bool {
		s, err := c.Informers.Core().V1().Secrets().Lister().Secrets("a").Get("s")
		return err == nil && len(s.Data["token"]) > 0
	}, "filled")
	require.NoError(t, c.Fake.CoreV1().ServiceAccounts("a").Delete(ctx, "robot", metav1.DeleteOptions{}))
	c.Eventually(func() bool {
		_, err := c.Fake.CoreV1().Secrets("a").Get(ctx, "s", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	}, "goes with its account")
}
