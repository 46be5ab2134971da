package apiserver

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/client-go/kubernetes"
)

// authenticationConfig is the ConfigMap by which other apiservers of the cluster learn whom this one believes.
const authenticationConfig = "extension-apiserver-authentication"

// authenticationData is what the ConfigMap says: the authorities of client certificates, and how a front proxy speaks for others.
func authenticationData(clientCA []byte, proxy *authenticatorfactory.RequestHeaderConfig) (map[string]string, error) {
	data := map[string]string{}
	if len(clientCA) > 0 {
		data["client-ca-file"] = string(clientCA)
	}
	if proxy == nil {
		return data, nil
	}
	data["requestheader-client-ca-file"] = string(proxy.CAContentProvider.CurrentCABundleContent())
	for key, values := range map[string][]string{
		"requestheader-username-headers":     proxy.UsernameHeaders.Value(),
		"requestheader-uid-headers":          proxy.UIDHeaders.Value(),
		"requestheader-group-headers":        proxy.GroupHeaders.Value(),
		"requestheader-extra-headers-prefix": proxy.ExtraHeaderPrefixes.Value(),
		"requestheader-allowed-names":        proxy.AllowedClientNames.Value(),
	} {
		text, err := json.Marshal(values)
		if err != nil {
			return nil, fmt.Errorf("apiserver: %s: %w", authenticationConfig, err)
		}
		data[key] = string(text)
	}
	return data, nil
}

// publishAuthentication writes the ConfigMap if it is not so already.
func publishAuthentication(ctx context.Context, client kubernetes.Interface, data map[string]string) error {
	configs := client.CoreV1().ConfigMaps(metav1.NamespaceSystem)
	have, err := configs.Get(ctx, authenticationConfig, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		_, err = configs.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: authenticationConfig}, Data: data}, metav1.CreateOptions{})
	case err == nil && !maps.Equal(have.Data, data):
		have = have.DeepCopy()
		have.Data = data
		_, err = configs.Update(ctx, have, metav1.UpdateOptions{})
	}
	if apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err) {
		return nil // another apiserver of the same flags
	}
	if err != nil {
		return fmt.Errorf("apiserver: %s: %w", authenticationConfig, err)
	}
	return nil
}
