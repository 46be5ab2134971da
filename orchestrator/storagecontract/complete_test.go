package storagecontract

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// upstream is the package of the contract.
const upstream = "k8s.io/apiserver/pkg/storage/testing"

// TestComplete fails if upstream exports a function of the contract that nothing here calls.
func TestComplete(t *testing.T) {
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", upstream).Output()
	require.NoError(t, err)
	exported := map[string]bool{}
	for _, file := range parse(t, strings.TrimSpace(string(dir))) {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Run") {
				exported[f.Name.Name] = true
			}
		}
	}
	require.Greater(t, len(exported), 60, "upstream's functions were found")
	for _, file := range parse(t, ".") {
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "storagetesting" {
					delete(exported, s.Sel.Name)
				}
			}
			return true
		})
	}
	require.Empty(t, exported, "not called")
}

// TestEverywhere fails if a function is run nowhere.
func TestEverywhere(t *testing.T) {
	for _, c := range contracts {
		require.False(t, c.notStore != "" && c.notCached != "", c.name)
	}
}

func parse(t *testing.T, dir string) (files []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		files = append(files, file)
	}
	return files
}
