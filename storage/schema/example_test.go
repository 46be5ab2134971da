package schema_test

import (
	"fmt"

	"github.com/petcd/petcd/storage/schema"
)

// Example is the worked example of docs/disk-format.md: what a put of "a" with
// value "x" and lease 7, the third write to the key, leaves at revision 5.
func Example() {
	mod := schema.Revision{Main: 5}
	key, value := []byte("a"), []byte("x")

	version := append(schema.AppendVersionHeader(nil, 2, 3, 7), value...)
	fmt.Printf("% x = % x\n", schema.AppendVersionKey(nil, key, mod), version)
	fmt.Printf("% x = % x\n", schema.AppendRevisionKey(nil, mod), schema.AppendChange(nil, schema.Change{Key: key}))
	head := schema.Head{Create: 2, Mod: mod, Version: 3, Lease: 7}
	fmt.Printf("% x = % x\n", schema.AppendRecordKey(nil, schema.TableHeads, key), schema.AppendHead(nil, head))
	fmt.Printf("% x =\n", schema.AppendLeaseKeyKey(nil, 7, key))
	applied := schema.AppendApplied(nil, schema.Applied{Index: 9, Term: 2, Revision: 5})
	fmt.Printf("% x = % x\n", schema.AppendRecordKey(nil, schema.TableState, []byte(schema.StateApplied)), applied)
	// Output:
	// 03 61 00 ff ff ff ff ff ff ff fa ff ff ff ff 0d = 00 02 03 07 78
	// 04 00 00 00 00 00 00 00 05 00 00 00 00 00 = 00 61
	// 02 61 00 = 02 05 00 03 07
	// 06 00 00 00 00 00 00 00 07 61 00 =
	// 01 61 70 70 6c 69 65 64 00 = 00 00 00 00 00 00 00 09 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00 05
}
