package defaults_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"github.com/petcd/petcd/orchestrator/api/defaults"
)

// newScheme knows all kinds of k8s.io/api and defaults them.
func newScheme(t *testing.T) *runtime.Scheme {
	s := runtime.NewScheme()
	require.NoError(t, scheme.AddToScheme(s))
	defaults.Register(s)
	return s
}

// TestGolden reads files of two documents: what a client sends, and what it gets back.
func TestGolden(t *testing.T) {
	s := newScheme(t)
	files, err := filepath.Glob("testdata/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			in, out, ok := strings.Cut(string(text), "\n---\n")
			require.True(t, ok, "two documents")
			want := show(t, decode(t, s, out))

			obj := decode(t, s, in)
			s.Default(obj)
			require.Equal(t, want, show(t, obj))
			s.Default(obj)
			require.Equal(t, want, show(t, obj), "defaulted once more")

			require.Equal(t, want, show(t, defaultInList(t, s, decode(t, s, in))), "in a list")
		})
	}
}

func decode(t *testing.T, s *runtime.Scheme, text string) runtime.Object {
	t.Helper()
	codecs := serializer.NewCodecFactory(s, serializer.EnableStrict)
	obj, _, err := codecs.UniversalDeserializer().Decode([]byte(text), nil, nil)
	require.NoError(t, err)
	return obj
}

func show(t *testing.T, obj runtime.Object) string {
	t.Helper()
	text, err := yaml.Marshal(obj)
	require.NoError(t, err)
	return string(text)
}

// defaultInList defaults a list of obj and returns what became of obj. A kind that has no list is defaulted by itself.
func defaultInList(t *testing.T, s *runtime.Scheme, obj runtime.Object) runtime.Object {
	t.Helper()
	gvk := obj.GetObjectKind().GroupVersionKind()
	listKind := schema.GroupVersionKind{Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind + "List"}
	if !s.Recognizes(listKind) {
		s.Default(obj)
		return obj
	}
	list, err := s.New(listKind)
	require.NoError(t, err)
	require.NoError(t, meta.SetList(list, []runtime.Object{obj}))
	s.Default(list)
	items, err := meta.ExtractList(list)
	require.NoError(t, err)
	require.Len(t, items, 1)
	return items[0]
}
