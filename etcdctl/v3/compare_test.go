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

// FuzzParseCompare holds the parser to the scan format it stands for: it reads
// whatever that reads, and nothing else, and never panics.
func FuzzParseCompare(f *testing.F) {
	for _, seed := range []string{
		`value("k") = "v"`, `mod("k") > "1"`, `val("k")="v"`, `val("k") = "v" more`, `val("k\"") != "\x00"`, "val(`k`) < `v`", `c("k") ! "1"`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		cmp, err := parseCompare(line)
		target, rest, _ := strings.Cut(line, "(")
		if target != "value" || strings.ContainsAny(line, "`\n\r") {
			return // the scan reads raw strings too, and over line ends
		}
		var key, op, value string
		_, scanErr := fmt.Sscanf(rest, "%q) %s %q", &key, &op, &value)
		known := op == "=" || op == "!=" || op == "<" || op == ">"
		if err == nil {
			require.NoError(t, scanErr, line)
			require.Equal(t, key, string(cmp.GetCompare().GetKey()))
			require.Equal(t, value, string(cmp.GetCompare().GetValue()))
		} else if scanErr == nil && known {
			t.Fatalf("%q: %v, but it scans as %q %s %q", line, err, key, op, value)
		}
	})
}
