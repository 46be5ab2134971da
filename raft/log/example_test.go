package log_test

import (
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/petcd/petcd/raft/log"
)

// Example is the worked example of docs/disk-format.md: a new log's first segment, after one entry was appended.
func Example() {
	fs := vfs.NewMem()
	l, err := log.Open("log", log.Options{FS: fs})
	check(err)
	hs := &raftpb.HardState{Term: new(uint64(2)), Vote: new(uint64(7)), Commit: new(uint64(0))}
	entry := &raftpb.Entry{Index: new(uint64(1)), Term: new(uint64(2)), Type: raftpb.EntryNormal.Enum(), Data: []byte("xyz")}
	check(l.Append(hs, []*raftpb.Entry{entry}, true))
	check(l.Close())

	f, err := fs.Open("log/0000000000000001.log")
	check(err)
	b, err := io.ReadAll(f)
	check(err)
	for _, part := range []int{8, 16, 24, 25, 17, 8, 25, 13, 16} {
		fmt.Printf("% x\n", b[:part])
		b = b[part:]
	}
	fmt.Println(len(b), "bytes more")
	// Output:
	// 00 00 00 52 af ea 28 7a
	// 01 70 65 74 63 64 2d 72 61 66 74 2d 6c 6f 67 02
	// 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 00
	// 03 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
	// 04 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
	// 00 00 00 36 b5 2e ff 0b
	// 03 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00 07 00 00 00 00 00 00 00 00
	// 10 00 00 00 00 00 00 00 01 00 00 00 01
	// 00 00 00 00 00 00 00 02 00 00 00 00 03 78 79 7a
	// 0 bytes more
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
