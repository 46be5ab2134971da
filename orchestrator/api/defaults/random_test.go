package defaults_test

import (
	"math/rand"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
)

// TestRandomObjects defaults objects of every kind with anything or nothing in each field: twice is the same as once, as what
// comes from the store has been defaulted before. Nothing panics.
func TestRandomObjects(t *testing.T) {
	s := newScheme(t)
	fill := fuzzer.FuzzerFor(metafuzzer.Funcs, rand.NewSource(1), serializer.NewCodecFactory(s))
	for gvk := range s.AllKnownTypes() {
		if gvk.Version == runtime.APIVersionInternal || strings.HasSuffix(gvk.Kind, "Options") {
			continue
		}
		for range 10 {
			obj, err := s.New(gvk)
			require.NoError(t, err)
			fill.Fill(obj)
			s.Default(obj)
			once := obj.DeepCopyObject()
			s.Default(obj)
			require.Equal(t, once, obj, gvk)
		}
	}
}
