package image

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// secrets are pods' imagePullSecrets.
type secrets struct {
	client   kubernetes.Interface
	recorder record.EventRecorder
}

// find are the credentials of a pod that fit an image, those that say most about it first. A secret that can't be had or read is told of
// and left out: the image may be public.
func (s *secrets) find(ctx context.Context, pod *v1.Pod, image string) []*runtimeapi.AuthConfig {
	if s.client == nil || len(pod.Spec.ImagePullSecrets) == 0 {
		return nil
	}
	var (
		all    []credential
		failed []string
	)
	for _, ref := range pod.Spec.ImagePullSecrets {
		secret, err := s.client.CoreV1().Secrets(pod.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
		if err == nil {
			var found []credential
			found, err = parseSecret(secret)
			all = append(all, found...)
		}
		if err != nil {
			failed = append(failed, ref.Name)
		}
	}
	if len(failed) > 0 && s.recorder != nil {
		s.recorder.Eventf(pod, v1.EventTypeWarning, "FailedToRetrieveImagePullSecret",
			"Unable to retrieve some image pull secrets (%s); attempting to pull the image may not succeed.", strings.Join(failed, ", "))
	}
	return matching(all, image)
}

// credential is a user of registries.
type credential struct {
	host, path string // the registry, with * for any label, and what repositories begin with
	auth       *runtimeapi.AuthConfig
}

// matching are those that fit an image. The one of the longest path comes first, then that of the longest host.
func matching(all []credential, image string) []*runtimeapi.AuthConfig {
	registry, repository := location(image)
	var fit []credential
	for _, c := range all {
		if c.matches(registry, repository) {
			fit = append(fit, c)
		}
	}
	slices.SortStableFunc(fit, func(a, b credential) int {
		return cmp.Or(cmp.Compare(len(b.path), len(a.path)), cmp.Compare(len(b.host), len(a.host)))
	})
	auths := make([]*runtimeapi.AuthConfig, len(fit))
	for i := range fit {
		auths[i] = fit[i].auth
	}
	return auths
}

func (c *credential) matches(registry, repository string) bool {
	if c.path != "" && repository != c.path && !strings.HasPrefix(repository, c.path+"/") {
		return false
	}
	wantHost, wantPort := splitPort(c.host)
	host, port := splitPort(registry)
	if wantPort != port {
		return false
	}
	want, have := strings.Split(wantHost, "."), strings.Split(host, ".")
	if len(want) != len(have) {
		return false
	}
	for i := range want {
		if ok, err := path.Match(want[i], have[i]); err != nil || !ok {
			return false
		}
	}
	return true
}

// splitPort takes a registry's port off; "": it has none.
func splitPort(registry string) (host, port string) {
	if host, port, err := net.SplitHostPort(registry); err == nil {
		return host, port
	}
	return registry, ""
}

// entry is what a docker configuration has on a registry.
type entry struct {
	Username, Password, Auth string
	IdentityToken            string `json:"identitytoken"`
	RegistryToken            string `json:"registrytoken"`
}

// errNoConfig says that a secret is of another type.
var errNoConfig = errors.New("image: not a secret for registries")

// parseSecret reads the credentials in a secret, of the new or the old form.
func parseSecret(secret *v1.Secret) ([]credential, error) {
	var entries map[string]entry
	switch secret.Type {
	case v1.SecretTypeDockerConfigJson:
		var config struct{ Auths map[string]entry }
		if err := json.Unmarshal(secret.Data[v1.DockerConfigJsonKey], &config); err != nil {
			return nil, fmt.Errorf("image: secret %s: %w", secret.Name, err)
		}
		entries = config.Auths
	case v1.SecretTypeDockercfg:
		if err := json.Unmarshal(secret.Data[v1.DockerConfigKey], &entries); err != nil {
			return nil, fmt.Errorf("image: secret %s: %w", secret.Name, err)
		}
	default:
		return nil, fmt.Errorf("%w: %s", errNoConfig, secret.Name)
	}
	all := make([]credential, 0, len(entries))
	for key, e := range entries {
		c, err := e.credential(key)
		if err != nil {
			return nil, fmt.Errorf("image: secret %s: %w", secret.Name, err)
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b credential) int { return cmp.Or(cmp.Compare(a.host, b.host), cmp.Compare(a.path, b.path)) })
	return all, nil
}

// credential is an entry, under a key as people write it: with or without scheme, and with the API's path that docker adds.
func (e *entry) credential(key string) (credential, error) {
	auth := &runtimeapi.AuthConfig{Username: e.Username, Password: e.Password, IdentityToken: e.IdentityToken, RegistryToken: e.RegistryToken}
	if e.Auth != "" {
		plain, err := decode(e.Auth)
		if err != nil {
			return credential{}, fmt.Errorf("auth of %s: %w", key, err)
		}
		user, password, ok := strings.Cut(plain, ":")
		if !ok {
			return credential{}, fmt.Errorf("auth of %s is not of the form user:password", key)
		}
		auth.Username, auth.Password = user, password
	}
	at := strings.TrimPrefix(strings.TrimPrefix(key, "https://"), "http://")
	host, path, _ := strings.Cut(strings.TrimSuffix(at, "/"), "/")
	if path == "v1" || path == "v2" {
		path = ""
	}
	if host == "docker.io" || host == "registry-1.docker.io" {
		host = dockerHub
	}
	return credential{host: host, path: strings.Trim(path, "/"), auth: auth}, nil
}

// decode reads base64 with or without its padding.
func decode(text string) (string, error) {
	data, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	return string(data), err
}
