package schema

import (
	"encoding/binary"
	"fmt"
)

// RunLenMax bounds the encoded length of a run's value.
const RunLenMax = binary.MaxVarintLen64

// AppendRun appends the value of a record of TableRuns: the number of live
// keys in the run that begins at the record's key.
func AppendRun(dst []byte, n int64) []byte { return binary.AppendUvarint(dst, uint64(n)) }

// DecodeRun reads the value of a record of TableRuns.
func DecodeRun(b []byte) (int64, error) {
	d := decoder{b: b}
	n := d.int64()
	if d.bad || len(d.b) != 0 || n < 0 {
		return 0, fmt.Errorf("%w: run %x", ErrMalformed, b)
	}
	return n, nil
}
