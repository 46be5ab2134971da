package serviceaccount

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// same tells whether obj, which was found with err, is what ref means and was not gone at the deadline.
func same(kind, namespace string, ref *Ref, obj metav1.Object, err error, deadline time.Time) error {
	name := ref.Name
	if namespace != "" {
		name = namespace + "/" + name
	}
	if err != nil {
		return fmt.Errorf("service account token has been invalidated: %s %s: %w", kind, name, err)
	}
	if obj.GetUID() != ref.UID {
		return fmt.Errorf("service account token has been invalidated: %s UID (%s) does not match claim (%s)", kind, obj.GetUID(), ref.UID)
	}
	if at := obj.GetDeletionTimestamp(); at != nil && !at.After(deadline) {
		return fmt.Errorf("service account token has been invalidated: %s %s has been deleted", kind, name)
	}
	return nil
}
