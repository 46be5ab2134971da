package v2pb

import (
	"encoding/hex"
	"math"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

// everything has a value in each field, other than the field's zero.
var everything = Request{
	ID: math.MaxUint64, Method: "Method", Path: "Path", Val: "Val", Dir: true, PrevValue: "PrevValue", PrevIndex: math.MaxUint64,
	PrevExist: new(true), Expiration: math.MinInt64, Wait: true, Since: math.MaxUint64, Recursive: true, Sorted: true, Quorum: true,
	Time: math.MinInt64, Stream: true, Refresh: new(true),
}

// everythingHex is how etcd 3.5.21 writes it.
const everythingHex = "08ffffffffffffffffff0112064d6574686f641a0450617468220356616c280132095072657656616c756538ffffffffffffffffff01" +
	"40014880808080808080808001500158ffffffffffffffffff016001680170017880808080808080808001800101880101"

func TestEverythingIsThere(t *testing.T) {
	v := reflect.ValueOf(everything)
	for i := range v.NumField() {
		require.False(t, v.Field(i).IsZero(), v.Type().Field(i).Name)
	}
}

// TestRequestsAreWrittenAsMessages holds the codec to what the protobuf library made of etcd's message, with the fields that
// are 0 or empty left out. etcd 3.5.21 reads every line as the request beside it.
func TestRequestsAreWrittenAsMessages(t *testing.T) {
	for _, c := range []struct {
		name string
		req  Request
		want string
	}{
		{"nothing", Request{}, ""},
		{"ID", Request{ID: math.MaxUint64}, "08ffffffffffffffffff01"},
		{"Method", Request{Method: "Method"}, "12064d6574686f64"},
		{"Path", Request{Path: "Path"}, "1a0450617468"},
		{"Val", Request{Val: "Val"}, "220356616c"},
		{"Dir", Request{Dir: true}, "2801"},
		{"PrevValue", Request{PrevValue: "PrevValue"}, "32095072657656616c7565"},
		{"PrevIndex", Request{PrevIndex: math.MaxUint64}, "38ffffffffffffffffff01"},
		{"PrevExist", Request{PrevExist: new(true)}, "4001"},
		{"PrevExist, false", Request{PrevExist: new(false)}, "4000"},
		{"Expiration", Request{Expiration: math.MinInt64}, "4880808080808080808001"},
		{"Wait", Request{Wait: true}, "5001"},
		{"Since", Request{Since: math.MaxUint64}, "58ffffffffffffffffff01"},
		{"Recursive", Request{Recursive: true}, "6001"},
		{"Sorted", Request{Sorted: true}, "6801"},
		{"Quorum", Request{Quorum: true}, "7001"},
		{"Time", Request{Time: math.MinInt64}, "7880808080808080808001"},
		{"Stream", Request{Stream: true}, "800101"},
		{"Refresh", Request{Refresh: new(true)}, "880101"},
		{"Refresh, false", Request{Refresh: new(false)}, "880100"},
		{"a put", Request{Method: "PUT", Path: "/1/a", Val: "v", PrevExist: new(false), Expiration: -1, Refresh: new(true)},
			"12035055541a042f312f61220176400048ffffffffffffffffff01880101"},
		{"everything", everything, everythingHex},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := appendRequest(nil, &c.req)
			require.Equal(t, c.want, hex.EncodeToString(data))
			requireRead(t, c.req, c.want)
		})
	}
}

// TestWhatEtcdWroteIsRead has requests as etcd 3.5.21 writes them: with the fields that are 0 or empty, but for the optional.
func TestWhatEtcdWroteIsRead(t *testing.T) {
	for _, c := range []struct {
		name string
		want Request
		data string
	}{
		{"nothing", Request{}, "080012001a0022002800320038004800500058006000680070007800800100"},
		{"a put", Request{ID: 7, Method: "PUT", Path: "/1/a", Val: "v", PrevExist: new(false), Expiration: -1, Refresh: new(true)},
			"080712035055541a042f312f61220176280032003800400048ffffffffffffffffff01500058006000680070007800800100880101"},
		{"a sync", Request{ID: 8, Method: "SYNC", Time: 1},
			"0808120453594e431a0022002800320038004800500058006000680070007801800100"},
		{"texts that are no UTF-8", Request{Method: "PUT", Path: "/1/\xff", Val: "a\xc3", PrevValue: "\x80", Time: 1},
			"080012035055541a042f312fff220261c3280032018038004800500058006000680070007801800100"},
		{"everything", everything, everythingHex},
	} {
		t.Run(c.name, func(t *testing.T) { requireRead(t, c.want, c.data) })
	}
}

func TestOddFieldsAreReadAsInAnyMessage(t *testing.T) {
	requireRead(t, Request{ID: 2, Val: "b"}, "0801"+"220161"+"0802"+"220162")             // the last one counts
	requireRead(t, Request{ID: 1}, "0801"+"900101"+"9a010161")                            // 18 and 19 are unknown
	requireRead(t, Request{ID: 1}, "0801"+"0a0161"+"2001"+"1901000000000000002d01000000") // of types that ID, Val, Path and Dir don't have
}

// requireRead requires that what is given in hexadecimal digits is read as a request.
func requireRead(t *testing.T, want Request, digits string) {
	t.Helper()
	data, err := hex.DecodeString(digits)
	require.NoError(t, err)
	got, err := decodeRequest(data)
	require.NoError(t, err)
	require.Equal(t, want, *got)
}
