package serviceaccount

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/petcd/petcd/orchestrator/apiserver/admission/podrefs"
)

// enforceMountable is the annotation of an account whose pods may use no secrets but those that the account lists.
const enforceMountable = "kubernetes.io/enforce-mountable-secrets"

// onlyMountable is an error if a pod refers to a secret that its account doesn't list.
func onlyMountable(account *corev1.ServiceAccount, pod *corev1.Pod) error {
	mountable, pullable := sets.New[string](), sets.New[string]()
	for _, s := range account.Secrets {
		mountable.Insert(s.Name)
	}
	for _, s := range account.ImagePullSecrets {
		pullable.Insert(s.Name)
	}
	refuse := func(secret, format string, who ...any) error {
		return fmt.Errorf("%s secret.secretName=%q is not allowed because service account %s does not reference that secret",
			fmt.Sprintf(format, who...), secret, account.Name)
	}
	for _, v := range pod.Spec.Volumes {
		if v.Secret != nil && !mountable.Has(v.Secret.SecretName) {
			return refuse(v.Secret.SecretName, "volume with")
		}
	}
	for _, c := range podrefs.Containers(pod) {
		for _, from := range c.From {
			if from.SecretRef != nil && !mountable.Has(from.SecretRef.Name) {
				return refuse(from.SecretRef.Name, "%s %s with envFrom referencing", c.Kind, c.Name)
			}
		}
		for _, env := range c.Env {
			if env.ValueFrom != nil && env.ValueFrom.SecretKeyRef != nil && !mountable.Has(env.ValueFrom.SecretKeyRef.Name) {
				return refuse(env.ValueFrom.SecretKeyRef.Name, "%s %s with envVar %s referencing", c.Kind, c.Name, env.Name)
			}
		}
	}
	for i, s := range pod.Spec.ImagePullSecrets {
		if !pullable.Has(s.Name) {
			return fmt.Errorf("imagePullSecrets[%d].name=%q is not allowed because service account %s does not reference that imagePullSecret",
				i, s.Name, account.Name)
		}
	}
	return nil
}
