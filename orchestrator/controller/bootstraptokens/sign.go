package bootstraptokens

import (
	"context"
	"fmt"
	"maps"
	"strings"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	bootstrapapi "k8s.io/cluster-bootstrap/token/api"
	"k8s.io/cluster-bootstrap/token/jws"
	"k8s.io/cluster-bootstrap/util/secrets"
	"k8s.io/utils/clock"

	"github.com/petcd/petcd/orchestrator/controller"
)

// clusterInfo is the one key of the loop that signs.
const clusterInfo = metav1.NamespacePublic + "/" + bootstrapapi.ConfigMapClusterInfo

// Signer writes the signatures of all tokens.
type Signer struct {
	client     kubernetes.Interface
	configMaps corelisters.ConfigMapLister
	secrets    corelisters.SecretLister
	clock      clock.PassiveClock
}

// NewSigner returns the loop that signs.
func NewSigner(env *controller.Env) controller.Runner {
	core := env.Informers.Core().V1()
	loop := controller.NewLoop("bootstrap-signer-controller", 1, newSigner(env).sync,
		core.ConfigMaps().Informer().HasSynced, core.Secrets().Informer().HasSynced)
	controller.Any(func(m *v1.ConfigMap) {
		if m.Namespace+"/"+m.Name == clusterInfo {
			loop.Add(clusterInfo)
		}
	}).Watch(core.ConfigMaps().Informer())
	controller.Any(func(s *v1.Secret) {
		if isToken(s) {
			loop.Add(clusterInfo)
		}
	}).Watch(core.Secrets().Informer())
	return loop
}

func newSigner(env *controller.Env) *Signer {
	core := env.Informers.Core().V1()
	return &Signer{client: env.Client, configMaps: core.ConfigMaps().Lister(), secrets: core.Secrets().Lister(), clock: env.Clock}
}

// isToken tells whether a secret is where the secrets of tokens are, and says that it is one.
func isToken(s *v1.Secret) bool {
	return s.Namespace == metav1.NamespaceSystem && s.Type == bootstrapapi.SecretTypeBootstrapToken
}

func (s *Signer) sync(ctx context.Context, _ string) error {
	info, err := s.configMaps.ConfigMaps(metav1.NamespacePublic).Get(bootstrapapi.ConfigMapClusterInfo)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", clusterInfo, err)
	}
	data, err := s.signed(info.Data)
	if err != nil || maps.Equal(data, info.Data) {
		return err
	}
	info = info.DeepCopy()
	info.Data = data
	if _, err := s.client.CoreV1().ConfigMaps(info.Namespace).Update(ctx, info, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("sign %s: %w", clusterInfo, err)
	}
	return nil
}

// signed is data with the signatures of the tokens that are good now, and no others.
func (s *Signer) signed(data map[string]string) (map[string]string, error) {
	content, ok := data[bootstrapapi.KubeConfigKey]
	if !ok {
		return data, nil
	}
	with := maps.Clone(data)
	maps.DeleteFunc(with, func(key, _ string) bool { return strings.HasPrefix(key, bootstrapapi.JWSSignatureKeyPrefix) })
	all, err := s.secrets.Secrets(metav1.NamespaceSystem).List(labels.Everything())
	if err != nil {
		return nil, fmt.Errorf("list secrets: %w", err)
	}
	for _, secret := range all {
		id, half, ok := s.token(secret)
		if !ok {
			continue
		}
		signature, err := jws.ComputeDetachedSignature(content, id, half)
		if err != nil {
			return nil, fmt.Errorf("sign %s with token %s: %w", clusterInfo, id, err)
		}
		with[bootstrapapi.JWSSignatureKeyPrefix+id] = signature
	}
	return with, nil
}

// token returns both halves of a secret's token, if it is good and may sign.
func (s *Signer) token(secret *v1.Secret) (id, half string, ok bool) {
	id, half = secrets.GetData(secret, bootstrapapi.BootstrapTokenIDKey), secrets.GetData(secret, bootstrapapi.BootstrapTokenSecretKey)
	named, isNamed := secrets.ParseName(secret.Name)
	return id, half, isToken(secret) && secret.DeletionTimestamp == nil && isNamed && named == id && half != "" &&
		!secrets.HasExpired(secret, s.clock.Now()) && secrets.GetData(secret, bootstrapapi.BootstrapTokenUsageSigningKey) == "true"
}
