package v3

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"
)

func TestParseCompare(t *testing.T) {
	for _, c := range []struct {
		line string
		want *pb.Compare
	}{
		{`version("k") = "3"`, &pb.Compare{
			Target: pb.Compare_VERSION, Result: pb.Compare_EQUAL, TargetUnion: &pb.Compare_Version{Version: 3}}},
		{`ver("k") != "3"`, &pb.Compare{
			Target: pb.Compare_VERSION, Result: pb.Compare_NOT_EQUAL, TargetUnion: &pb.Compare_Version{Version: 3}}},
		{`create("k")  <  "3"`, &pb.Compare{
			Target: pb.Compare_CREATE, Result: pb.Compare_LESS, TargetUnion: &pb.Compare_CreateRevision{CreateRevision: 3}}},
		{`m("k") > "-3"`, &pb.Compare{
			Target: pb.Compare_MOD, Result: pb.Compare_GREATER, TargetUnion: &pb.Compare_ModRevision{ModRevision: -3}}},
		{`val("k") = "a \"b\""`, &pb.Compare{
			Target: pb.Compare_VALUE, Result: pb.Compare_EQUAL, TargetUnion: &pb.Compare_Value{Value: []byte(`a "b"`)}}},
		{`lease("k") = "1f"`, &pb.Compare{
			Target: pb.Compare_LEASE, Result: pb.Compare_EQUAL, TargetUnion: &pb.Compare_Lease{Lease: 0x1f}}},
	} {
		c.want.Key = []byte("k")
		got, err := parseCompare(c.line)
		require.NoError(t, err, c.line)
		require.True(t, proto.Equal(c.want, got.GetCompare()), "%s: %v", c.line, got.GetCompare())
	}
	for _, line := range []string{
		``, `version`, `version(k) = "1"`, `version("k" = "1"`, `version("k") "1"`, `version("k") == "1"`,
		`version("k") = 1`, `version("k") = "one"`, `version("k") = "1`, `size("k") = "1"`, `lease("k") = "xyz"`,
		`version("\q") = "1"`, `version("k")= "1"`,
	} {
		_, err := parseCompare(line)
		require.Error(t, err, line)
	}
}

// FuzzParseCompare: no line makes the parser panic, and what it reads, written
// out again, is read as the same condition.
func FuzzParseCompare(f *testing.F) {
	for _, seed := range []string{
		`value("k") = "v"`, `mod("k") > "1"`, `val("k")="v"`, `val("k") = "v" more`, `val("k\"") != "\x00"`, "val(`k`) < `v`", `c("k") ! "1"`, `value( "") = ""`,
	} {
		f.Add(seed)
	}
	results := map[pb.Compare_CompareResult]string{
		pb.Compare_EQUAL: "=", pb.Compare_NOT_EQUAL: "!=", pb.Compare_LESS: "<", pb.Compare_GREATER: ">",
	}
	f.Fuzz(func(t *testing.T, line string) {
		read, err := parseCompare(line)
		if target, _, _ := strings.Cut(line, "("); err != nil || target != "value" {
			return
		}
		got := read.GetCompare()
		again, err := parseCompare(fmt.Sprintf("value(%q) %s %q", got.GetKey(), results[got.GetResult()], got.GetValue()))
		require.NoError(t, err, line)
		require.True(t, proto.Equal(got, again.GetCompare()), line)
	})
}
