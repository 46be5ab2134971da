package api

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/storage/mvcc"
)

// inward are the sentinels that cannot end a client's request: they stop a
// member or a start, or are answered in another way.
var inward = map[string]bool{
	"membership.ErrBadChange": true, "membership.ErrBadVersion": true, "membership.ErrCorrupt": true, "membership.ErrMismatch": true, "membership.ErrUnreachable": true,
	"replica.ErrCorrupt": true, "replica.ErrDamaged": true, "replica.ErrForeign": true, "replica.ErrLocked": true, "replica.ErrNothingThere": true, "replica.ErrRemoved": true, "replica.ErrUnfinishedRestore": true,
	"auth.ErrBadOptions": true, "auth.ErrCorrupt": true,
	"storage.ErrCorrupt": true, "storage.ErrForeign": true, "storage.ErrFatal": true,
}

// TestTableIsTotal reads the sentinels from the packages' sources, so that a
// new one without a row fails here.
func TestTableIsTotal(t *testing.T) {
	rows := selectors(t, "errors.go")
	for pkg, dir := range map[string]string{
		"apply": "../apply", "auth": "../auth", "replica": "../replica", "membership": "../membership", "lessor": "../lessor", "storage": "../../storage",
		"mvcc": "../../storage/mvcc", "lease": "../../storage/lease",
	} {
		for _, name := range sentinels(t, filepath.Join(dir, "errors.go")) {
			full := pkg + "." + name
			require.True(t, rows[full] != inward[full], "%s must either be in the table or be listed as inward", full)
		}
	}
	require.NotEmpty(t, rows)
}

// selectors are the pkg.Name expressions of a file.
func selectors(t *testing.T, file string) map[string]bool {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	found := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok {
				found[x.Name+"."+sel.Sel.Name] = true
			}
		}
		return true
	})
	return found
}

// sentinels are the exported error variables of a file.
func sentinels(t *testing.T, file string) []string {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	var names []string
	ast.Inspect(f, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			for _, id := range spec.Names {
				if strings.HasPrefix(id.Name, "Err") {
					names = append(names, id.Name)
				}
			}
		}
		return true
	})
	require.NotEmpty(t, names, file)
	return names
}

func TestWire(t *testing.T) {
	require.NoError(t, wire(nil))
	for _, m := range table {
		require.Equal(t, m.to, wire(m.from))
		require.Equal(t, m.to, wire(fmt.Errorf("while at it: %w", m.from)))
	}
	require.Equal(t, context.Canceled, wire(fmt.Errorf("x: %w", context.Canceled)))
	require.Equal(t, context.DeadlineExceeded, wire(context.DeadlineExceeded))
	require.Equal(t, rpctypes.ErrGRPCNoLeader, wire(rpctypes.ErrGRPCNoLeader))
	require.Equal(t, codes.Unknown, status.Code(wire(errors.New("odd"))))

	for err, want := range map[error]string{
		mvcc.ErrCompacted:      "rpc error: code = OutOfRange desc = etcdserver: mvcc: required revision has been compacted",
		mvcc.ErrFutureRevision: "rpc error: code = OutOfRange desc = etcdserver: mvcc: required revision is a future revision",
		apply.ErrNoSpace:       "rpc error: code = ResourceExhausted desc = etcdserver: mvcc: database space exceeded",
		apply.ErrLeaseNotFound: "rpc error: code = NotFound desc = etcdserver: requested lease not found",
		replica.ErrTimeout:     "rpc error: code = Unavailable desc = etcdserver: request timed out",
	} {
		require.EqualError(t, wire(err), want)
	}
	// What etcd sends without a code of its own.
	require.Equal(t, codes.Unknown, status.Code(wire(replica.ErrTooManyRequests)))
	require.Equal(t, "etcdserver: too many requests", wire(replica.ErrTooManyRequests).Error())
}
