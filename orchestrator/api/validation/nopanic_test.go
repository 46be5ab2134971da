package validation

import (
	"math/rand"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
)

// TestNothingPanics runs every check on objects that hold nothing and on objects that hold anything.
func TestNothingPanics(t *testing.T) {
	f := fuzzer.FuzzerFor(metafuzzer.Funcs, rand.NewSource(1), scheme.Codecs)
	for typ := range kinds {
		t.Run(typ.Elem().String(), func(t *testing.T) {
			zero := func() runtime.Object { return reflect.New(typ.Elem()).Interface().(runtime.Object) }
			all := []runtime.Object{zero()}
			for range 15 {
				o := zero()
				f.Fill(o)
				all = append(all, o)
			}
			for i, obj := range all {
				old := all[(i+1)%len(all)]
				before := obj.DeepCopyObject()
				require.NotPanics(t, func() {
					runAll(obj, old)
					runAll(old, obj)
					runAll(obj, obj)
				})
				require.Equal(t, before, obj, "a check changed what it checked")
			}
		})
	}
}

func runAll(obj, old runtime.Object) {
	Create(obj)
	Update(obj, old)
	UpdateStatus(obj, old)
	Warnings(obj)
	if p, ok := obj.(*v1.Pod); ok {
		UpdateEphemeralContainers(p, old.(*v1.Pod))
	}
}
