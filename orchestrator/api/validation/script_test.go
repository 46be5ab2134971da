package validation

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// TestScripts runs the files of testdata. Each begins with the manifest of an object with which all is well, and goes on with cases:
//
//	-- create: what the case shows
//	spec.containers[0].image: ""
//	=> spec.containers[0].image: Required value
//
// A case sets fields of the manifest, by YAML, and lists all errors that it expects. The verb is create, update, status,
// ephemeral or warn; where there are two objects, the old one is the manifest, in which lines with "old " before them set fields (so
// they do in the new one, first). A value of null takes the field away. An error that ends in "..." has more to it than is said.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	for _, f := range files {
		manifest, cases := readScript(t, f)
		for _, c := range cases {
			t.Run(strings.TrimSuffix(filepath.Base(f), ".txt")+"/"+c.name, func(t *testing.T) { c.run(t, manifest) })
		}
	}
}

// TestEveryKindHasAScript keeps the table and the scripts together.
func TestEveryKindHasAScript(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, f := range files {
		manifest, cases := readScript(t, f)
		require.NotEmpty(t, cases, f)
		seen[fmt.Sprintf("%T", decode(t, object(t, manifest)))] = true
	}
	for typ := range kinds {
		require.True(t, seen[typ.String()], "no file in testdata has a %v", typ)
	}
}

type scriptCase struct {
	verb, name string
	old, set   []assignment
	want       []string
}

type assignment struct{ path, value string }

func readScript(t *testing.T, file string) (manifest string, cases []*scriptCase) {
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	var c *scriptCase
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "-- "):
			verb, name, ok := strings.Cut(line[3:], ": ")
			require.True(t, ok, "%s:%d: no verb", file, n)
			c = &scriptCase{verb: verb, name: name}
			cases = append(cases, c)
		case c == nil:
			manifest += line + "\n"
		case strings.HasPrefix(line, "=> "):
			c.want = append(c.want, line[3:])
		case line == "" || line[0] == '#':
		default:
			target, rest := &c.set, line
			if after, ok := strings.CutPrefix(line, "old "); ok {
				target, rest = &c.old, after
			}
			path, value, ok := strings.Cut(rest, ": ")
			require.True(t, ok, "%s:%d: no value", file, n)
			*target = append(*target, assignment{path, value})
		}
	}
	require.NoError(t, lines.Err())
	return manifest, cases
}

func (c *scriptCase) run(t *testing.T, manifest string) {
	was, now := object(t, manifest), object(t, manifest)
	for _, a := range c.old {
		set(t, was, a)
		set(t, now, a)
	}
	for _, a := range c.set {
		set(t, now, a)
	}
	obj, old := decode(t, now), decode(t, was)
	var got []string
	if c.verb == "warn" {
		got = Warnings(obj)
	} else {
		for _, e := range c.errors(t, obj, old) {
			got = append(got, strings.ReplaceAll(e.Error(), "\n", " "))
		}
	}
	require.Equal(t, len(c.want), len(got), "want %q\ngot  %s", c.want, strings.Join(got, "\n     "))
	for i, w := range c.want {
		if start, more := strings.CutSuffix(w, "..."); more {
			require.True(t, strings.HasPrefix(got[i], start), "want %q\ngot  %s", w, got[i])
			continue
		}
		require.Equal(t, w, got[i])
	}
}

func (c *scriptCase) errors(t *testing.T, obj, old runtime.Object) errs {
	switch c.verb {
	case "create":
		return Create(obj)
	case "update":
		return Update(obj, old)
	case "status":
		return UpdateStatus(obj, old)
	case "ephemeral":
		return UpdateEphemeralContainers(obj.(*v1.Pod), old.(*v1.Pod))
	}
	t.Fatalf("no such verb: %q", c.verb)
	return nil
}

func object(t *testing.T, manifest string) map[string]any {
	var o map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(manifest), &o))
	return o
}

func decode(t *testing.T, o map[string]any) runtime.Object {
	b, err := yaml.Marshal(o)
	require.NoError(t, err)
	obj, _, err := scheme.Codecs.UniversalDeserializer().Decode(b, nil, nil)
	require.NoError(t, err)
	return obj
}

// set puts a value where a path says, a.b[0].c or a["k.x"], making what is missing on the way. An index may be one past the end.
func set(t *testing.T, o any, a assignment) {
	var value any
	require.NoError(t, yaml.Unmarshal([]byte(a.value), &value), a.path)
	put(t, o, steps(t, a.path), value)
}

func steps(t *testing.T, path string) []any {
	var all []any
	for path != "" {
		switch {
		case strings.HasPrefix(path, `["`):
			key, rest, ok := strings.Cut(path[2:], `"]`)
			require.True(t, ok, path)
			all, path = append(all, key), rest
		case path[0] == '[':
			index, rest, ok := strings.Cut(path[1:], "]")
			require.True(t, ok, path)
			i, err := strconv.Atoi(index)
			require.NoError(t, err, path)
			all, path = append(all, i), rest
		default:
			path = strings.TrimPrefix(path, ".")
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			all, path = append(all, path[:end]), path[end:]
		}
	}
	return all
}

func put(t *testing.T, o any, steps []any, value any) any {
	if len(steps) == 0 {
		return value
	}
	if i, ok := steps[0].(int); ok {
		l, _ := o.([]any)
		require.LessOrEqual(t, i, len(l))
		if i == len(l) {
			l = append(l, nil)
		}
		l[i] = put(t, l[i], steps[1:], value)
		return l
	}
	m, ok := o.(map[string]any)
	if !ok {
		m = map[string]any{}
	}
	key := steps[0].(string)
	if v := put(t, m[key], steps[1:], value); v == nil {
		delete(m, key)
	} else {
		m[key] = v
	}
	return m
}
