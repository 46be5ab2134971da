package log

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// BenchmarkOpen opens a log of 100,000 entries of 256 bytes: twice what a member keeps.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	l, err := Open(dir, Options{})
	if err != nil {
		b.Fatal(err)
	}
	data := string(make([]byte, 256))
	for i := range uint64(100) {
		if err := l.Append(hardStateOf(1, 1, i*1000), entries(i*1000+1, 1, 1000, data), false); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		copied := b.TempDir()
		if _, err := vfs.Clone(vfs.Default, vfs.Default, dir, copied); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		l, err := Open(copied, Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
