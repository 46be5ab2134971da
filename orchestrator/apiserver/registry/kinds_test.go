package registry

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/petcd/petcd/orchestrator/api"
)

// TestKinds: what the table says of a kind fits its type, and its functions take it.
func TestKinds(t *testing.T) {
	scheme, err := api.NewScheme()
	require.NoError(t, err)
	b := &Builder{Scheme: scheme}
	seen := map[string]bool{}
	for _, k := range Kinds() {
		t.Run(k.Plural, func(t *testing.T) {
			for _, name := range append([]string{k.Plural, k.Singular}, k.ShortNames...) {
				require.False(t, seen[name] && name != "endpoints", "%s has two meanings", name)
				seen[name] = true
			}
			obj, list, err := b.examples(k)
			require.NoError(t, err)
			require.True(t, meta.IsListType(list))
			// The status of a CSINode is behind a feature gate that is off.
			require.Equal(t, k.HasStatus, part(obj, "Status").IsValid() && k.Plural != "csinodes", "HasStatus")
			if k.Generations {
				require.True(t, part(obj, "Spec").IsValid(), "a generation counts changes of Spec")
			}
			if k.StatusAtCreation {
				require.True(t, k.HasStatus)
			}
			if k.Index != "" {
				require.Contains(t, api.Fields(k.GVK, obj), k.Index)
			}
			s := &strategy{ObjectTyper: scheme, kind: k}
			s.PrepareForCreate(context.Background(), obj)
			s.PrepareForUpdate(context.Background(), obj, obj.DeepCopyObject())
			if k.HasStatus {
				(&statusStrategy{s}).PrepareForUpdate(context.Background(), obj, obj.DeepCopyObject())
			}
			_, _, err = k.attributes(obj)
			require.NoError(t, err)
		})
	}
}

// TestParts: the status of an object changes at its subresource only, and nothing else does there; generations count what is asked for.
func TestParts(t *testing.T) {
	scheme, err := api.NewScheme()
	require.NoError(t, err)
	for _, k := range Kinds() {
		if k.GVK.Kind != "Deployment" {
			continue
		}
		s := &strategy{ObjectTyper: scheme, kind: k}
		made := object(t, `{"spec":{"replicas":1},"status":{"replicas":7}}`)
		s.PrepareForCreate(context.Background(), made)
		require.Zero(t, made.Status.Replicas)
		require.EqualValues(t, 1, made.Generation)

		same := made.DeepCopy()
		same.Status.Replicas = 7
		same.Generation = 9
		s.PrepareForUpdate(context.Background(), same, made)
		require.Zero(t, same.Status.Replicas)
		require.EqualValues(t, 1, same.Generation)

		grown := made.DeepCopy()
		*grown.Spec.Replicas = 2
		s.PrepareForUpdate(context.Background(), grown, made)
		require.EqualValues(t, 2, grown.Generation)

		reported := made.DeepCopy()
		*reported.Spec.Replicas = 5
		reported.Status.Replicas = 5
		(&statusStrategy{s}).PrepareForUpdate(context.Background(), reported, made)
		require.EqualValues(t, 1, *reported.Spec.Replicas)
		require.EqualValues(t, 5, reported.Status.Replicas)
	}
}
