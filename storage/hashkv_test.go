package storage_test

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage"
)

// hashScript is a history and the hashes that a real etcd 3.7.3 gave for it.
// TestRecordHashes made it. A line is one of
//
//	grant ID
//	put KEY VALUE LEASE       in Go's quoting
//	delete KEY END
//	begin                     the puts and deletes up to end are one transaction
//	end
//	compact REVISION          physically
//	hash REVISION HASH COMPACT-REVISION HASH-REVISION
const hashScript = "testdata/hashkv.txt"

// TestHashKV replays the script and compares every hash, once with physical
// compaction awaited and once with it running behind: what is removed and what
// is only unreachable must hash the same.
func TestHashKV(t *testing.T) {
	for name, wait := range map[string]bool{"removed": true, "unreachable": false} {
		t.Run(name, func(t *testing.T) {
			s, err := storage.Open("data", storage.Options{FS: vfs.NewMem(), FlushInterval: -1, CompactionBatchRows: 7})
			require.NoError(t, err)
			defer func() { require.NoError(t, s.Close()) }()
			f, err := os.Open(hashScript)
			require.NoError(t, err)
			defer f.Close()
			p := hashPlayer{s: s, wait: wait}
			for lines := bufio.NewScanner(f); lines.Scan(); {
				p.line++
				p.play(t, lines.Text())
			}
			require.Greater(t, p.hashes, 100)
			require.Greater(t, p.compactions, 10)
		})
	}
}

// hashPlayer replays a script.
type hashPlayer struct {
	s    *storage.Store
	wait bool

	line, hashes, compactions int
	index                     uint64
	b                         *storage.Batch
	tx                        *storage.Tx // between begin and end
}

// entry does fn as one entry in a batch of its own.
func (p *hashPlayer) entry(t *testing.T, fn func(b *storage.Batch)) {
	b := p.s.NewBatch()
	defer func() {
		if t.Failed() {
			b.Close()
		}
	}()
	fn(b)
	p.index++
	require.NoError(t, b.Commit(p.index, 1))
}

// change does fn in the open transaction or one of its own.
func (p *hashPlayer) change(t *testing.T, fn func(tx *storage.Tx)) {
	if p.tx != nil {
		fn(p.tx)
		return
	}
	p.entry(t, func(b *storage.Batch) {
		tx := b.Begin()
		fn(tx)
		tx.End()
	})
}

// splitQuoted cuts a line at spaces that are not within quotes.
func splitQuoted(t *testing.T, line string) (words []string) {
	for rest := line; rest != ""; rest = strings.TrimPrefix(rest, " ") {
		word, _, _ := strings.Cut(rest, " ")
		if rest[0] == '"' {
			var err error
			word, err = strconv.QuotedPrefix(rest)
			require.NoError(t, err)
		}
		words = append(words, word)
		rest = rest[len(word):]
	}
	return words
}

// play does one line.
func (p *hashPlayer) play(t *testing.T, line string) {
	words := splitQuoted(t, line)
	number := func(i int) int64 {
		n, err := strconv.ParseInt(words[i], 10, 64)
		require.NoError(t, err, "line %d", p.line)
		return n
	}
	text := func(i int) []byte {
		s, err := strconv.Unquote(words[i])
		require.NoError(t, err, "line %d", p.line)
		return []byte(s)
	}
	switch words[0] {
	case "grant":
		p.entry(t, func(b *storage.Batch) { require.NoError(t, b.LeaseGrant(number(1), 1000)) })
	case "put":
		p.change(t, func(tx *storage.Tx) { require.NoError(t, tx.Put(text(1), text(2), number(3))) })
	case "delete":
		p.change(t, func(tx *storage.Tx) {
			_, err := tx.DeleteRange(text(1), text(2))
			require.NoError(t, err)
		})
	case "begin":
		p.b = p.s.NewBatch()
		p.tx = p.b.Begin()
	case "end":
		p.tx.End()
		p.index++
		require.NoError(t, p.b.Commit(p.index, 1))
		p.b, p.tx = nil, nil
	case "compact":
		var done <-chan struct{}
		p.entry(t, func(b *storage.Batch) {
			var err error
			done, err = b.Compact(number(1))
			require.NoError(t, err, "line %d", p.line)
		})
		if p.wait {
			<-done
		}
		p.compactions++
	case "hash":
		hash, _, compact, revision, err := p.s.HashKV(t.Context(), number(1))
		require.NoError(t, err, "line %d", p.line)
		require.Equal(t, line, fmt.Sprintf("hash %d %d %d %d", number(1), hash, compact, revision), "line %d", p.line)
		p.hashes++
	default:
		t.Fatalf("line %d: %s", p.line, line)
	}
}
