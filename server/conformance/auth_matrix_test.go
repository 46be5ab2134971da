package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/petcd/petcd/server/process"
	"github.com/petcd/petcd/server/recipes/v3electionpb"
)

// matrixFile is what etcd 3.7.3 answers to every attempt of every caller.
// PETCD_RECORD=1 writes it anew.
const matrixFile = "testdata/auth_matrix.txt"

// attempts are all rows of the matrix, in an order that never changes.
func attempts() []attempt {
	rows := slices.Concat(kvAttempts(), watchAttempts(), leaseAttempts(), clusterAttempts(), maintenanceAttempts(), recipeAttempts())
	slices.SortStableFunc(rows, func(a, b attempt) int { return strings.Compare(a.String(), b.String()) })
	return append(rows, authAttempts()...) // AuthDisable is the last
}

// TestAuthMatrixIsComplete: every method of every service and every field of
// what it takes is in the matrix, so that a new one cannot be forgotten.
func TestAuthMatrixIsComplete(t *testing.T) {
	anyWorld := &world{member: 1, peerURL: "http://127.0.0.1:1", leader: &v3electionpb.LeaderKey{Name: []byte("n"), Key: []byte("k"), Rev: 1, Lease: 1}}
	requests := map[string][]proto.Message{}
	seen := map[string]bool{}
	for _, a := range attempts() {
		require.False(t, seen[a.String()], "twice: %s", a)
		seen[a.String()] = true
		requests[a.method] = append(requests[a.method], a.requests(anyWorld)...)
	}
	for name := range matrixMethods() {
		require.NotEmpty(t, requests[name], "no attempt of %s", name)
	}
	for name := range requests {
		require.Contains(t, matrixMethods(), name)
	}
	require.Empty(t, unset(requests), "fields that no attempt sets")
}

// TestAuthMatrix: who may do what. Every caller makes every attempt on every
// target; code and text of the answer must be those of etcd 3.7.3.
func TestAuthMatrix(t *testing.T) {
	worlds := map[string]func(*testing.T, target) *world{"token": tokenWorld, "jwt": jwtWorld, "cert": certWorld}
	tables := map[string]*table{}
	t.Run("run", func(t *testing.T) {
		for _, tg := range targets(t) {
			if tg.name == process.Etcd34 {
				continue // its holes are known
			}
			tables[tg.name] = &table{}
			for name, start := range worlds {
				if name != "token" && tg.name != process.Petcd && !wholeMatrix() {
					continue
				}
				tb := tables[tg.name]
				t.Run(tg.name+"_"+name, func(t *testing.T) {
					t.Parallel()
					runMatrix(t, start(t, tg), name == "token", tb)
				})
			}
		}
	})
	if tb := tables[process.Etcd373]; tb != nil && os.Getenv("PETCD_RECORD") != "" {
		require.NoError(t, os.MkdirAll(filepath.Dir(matrixFile), 0o755))
		require.NoError(t, os.WriteFile(matrixFile, []byte(tb.text()), 0o644))
	}
	want := readTable(t)
	for name, tb := range tables {
		t.Logf("%s: %d cells", name, tb.cells())
		require.Equal(t, "", difference(want, tb.lines()), "on %s, against %s", name, matrixFile)
	}
}

// readTable gives the recorded lines.
func readTable(t *testing.T) map[string]bool {
	t.Helper()
	data, err := os.ReadFile(matrixFile)
	require.NoError(t, err)
	out := map[string]bool{}
	row := ""
	for _, line := range strings.Split(strings.TrimRight(string(data), "\n"), "\n") {
		if !strings.HasPrefix(line, "\t") {
			row = line
			continue
		}
		callers, o, _ := strings.Cut(line[1:], ": ")
		for _, c := range strings.Fields(callers) {
			out[row+"\t"+c+"\t"+o] = true
		}
	}
	return out
}

// difference lists cells that are not as recorded, beginning with the first.
func difference(want map[string]bool, got []string) string {
	recorded := map[string]string{}
	for line := range want {
		cell, o := line[:strings.LastIndex(line, "\t")], line[strings.LastIndex(line, "\t")+1:]
		recorded[cell] = o
	}
	var out []string
	for _, line := range got {
		if !want[line] {
			cell, o := line[:strings.LastIndex(line, "\t")], line[strings.LastIndex(line, "\t")+1:]
			out = append(out, fmt.Sprintf("%s: %q, recorded %q", cell, o, recorded[cell]))
		}
	}
	if len(out) > 100 {
		out = append(out[:100], fmt.Sprintf("and %d more", len(out)-100))
	}
	return strings.Join(out, "\n")
}

// wholeMatrix says that time does not matter: every variant, and the peer in
// all worlds. Otherwise the recorded table stands for most of the peer.
func wholeMatrix() bool { return os.Getenv("PETCD_MATRIX") == "all" }

// runMatrix lets every caller make every attempt that reaches this world.
func runMatrix(t *testing.T, w *world, simple bool, tb *table) {
	methods := matrixMethods()
	limit := everywhere
	switch {
	case wholeMatrix():
		limit = onDemand
	case simple && w.target.name == process.Petcd:
		limit = withTokens
	}
	began := time.Now()
	defer func() { t.Logf("took %v", time.Since(began)) }()
	for _, a := range attempts() {
		if a.reach > limit {
			continue
		}
		changesUsers := strings.HasPrefix(a.method, "Auth/")
		changed := true // by the row before, or by the caller before
		for _, c := range w.callers {
			if changed && changesUsers {
				w.fresh(t)
			}
			if changed && a.prepare != nil {
				a.prepare(t, w)
			}
			if changed && changesUsers {
				w.fresh(t)
			}
			before := w.storeRevision(t)
			o := call(c.with(w.ctx), c.conn, methods[a.method], a.requests(w))
			tb.note(a, c.name, o)
			changed = o == "ok"
			if o == "ok" {
				continue
			}
			if methods[a.method].ParentFile() != pb.File_rpc_proto {
				// A lock or an election is several calls, of which the first may succeed.
				changed = true
				continue
			}
			require.Equal(t, before, w.storeRevision(t), "%s of %s was refused (%s) and yet changed something", a, c.name, o)
		}
	}
}

// storeRevision is the revision of the keys.
func (w *world) storeRevision(t *testing.T) int64 {
	t.Helper()
	resp, err := w.kv.Range(w.root, &pb.RangeRequest{Key: []byte("in/a"), Serializable: true})
	require.NoError(t, err)
	return resp.Header.Revision
}

// callTimeout bounds one attempt.
const callTimeout = 10 * time.Second

// call makes one attempt and says how it went: "ok", or code and text.
func call(ctx context.Context, conn *grpc.ClientConn, m protoreflect.MethodDescriptor, requests []proto.Message) string {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	path := fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name())
	if !m.IsStreamingServer() {
		return outcome(conn.Invoke(ctx, path, requests[0], dynamicpb.NewMessage(m.Output())))
	}
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: m.IsStreamingClient()}, path)
	if err != nil {
		return outcome(err)
	}
	for _, r := range requests {
		if err := stream.SendMsg(r); err != nil && !errors.Is(err, io.EOF) {
			return outcome(err)
		}
		if !m.IsStreamingClient() {
			if err := stream.CloseSend(); err != nil {
				return outcome(err)
			}
		}
		resp := dynamicpb.NewMessage(m.Output())
		err := stream.RecvMsg(resp)
		if reason := refusal(resp); err == nil && reason != "" {
			return reason
		}
		for err == nil && !endless[m.Name()] {
			err = stream.RecvMsg(resp)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return outcome(err)
		}
	}
	return "ok"
}

// endless are the streams that go on until the client ends them.
var endless = map[protoreflect.Name]bool{"Watch": true, "LeaseKeepAlive": true, "Observe": true}

// refusal is why a watch was not created; it comes as an answer, not as an
// error of the call.
func refusal(resp *dynamicpb.Message) string {
	fields := resp.Descriptor().Fields()
	canceled, created, reason := fields.ByName("canceled"), fields.ByName("created"), fields.ByName("cancel_reason")
	if canceled == nil || created == nil || !resp.Get(canceled).Bool() || !resp.Get(created).Bool() {
		return ""
	}
	return "canceled: " + resp.Get(reason).String()
}

// numbers are ids, which differ between runs.
var numbers = regexp.MustCompile(`\b[0-9a-f]{8,}\b`)

func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	s := status.Convert(err)
	if s.Code() == codes.Unimplemented && strings.HasPrefix(s.Message(), "unknown") {
		return "Unimplemented"
	}
	return s.Code().String() + " " + numbers.ReplaceAllString(s.Message(), "#")
}

// table is one target's answers: row, outcome, callers.
type table struct {
	mu   sync.Mutex
	rows map[string]map[string][]string
}

func (tb *table) note(a attempt, caller, outcome string) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	if tb.rows == nil {
		tb.rows = map[string]map[string][]string{}
	}
	if tb.rows[a.String()] == nil {
		tb.rows[a.String()] = map[string][]string{}
	}
	tb.rows[a.String()][outcome] = append(tb.rows[a.String()][outcome], caller)
}

func (tb *table) cells() int {
	n := 0
	for _, row := range tb.rows {
		for _, callers := range row {
			n += len(callers)
		}
	}
	return n
}

// lines are the cells: row, caller, outcome.
func (tb *table) lines() []string {
	var out []string
	for row, outcomes := range tb.rows {
		for o, callers := range outcomes {
			for _, c := range callers {
				out = append(out, row+"\t"+c+"\t"+o)
			}
		}
	}
	slices.Sort(out)
	return out
}

// text writes the table: a line for the attempt, one for each outcome.
func (tb *table) text() string {
	var b strings.Builder
	for _, row := range slices.Sorted(maps.Keys(tb.rows)) {
		fmt.Fprintln(&b, row)
		for _, o := range slices.Sorted(maps.Keys(tb.rows[row])) {
			callers := tb.rows[row][o]
			slices.Sort(callers)
			fmt.Fprintf(&b, "\t%s: %s\n", strings.Join(callers, " "), o)
		}
	}
	return b.String()
}
