package rpc

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// units are those of gRPC's time limits.
var units = map[byte]time.Duration{
	'H': time.Hour, 'M': time.Minute, 'S': time.Second, 'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
}

// timeoutOf reads the field grpc-timeout: up to eight digits and a unit.
func timeoutOf(value string) (time.Duration, error) {
	switch {
	case len(value) < 2:
		return 0, fmt.Errorf("transport: timeout string is too short: %q", value)
	case len(value) > 9:
		return 0, fmt.Errorf("transport: timeout string is too long: %q", value)
	}
	last := len(value) - 1
	unit, ok := units[value[last]]
	if !ok {
		return 0, fmt.Errorf("transport: timeout unit is not recognized: %q", value)
	}
	n, err := strconv.ParseUint(value[:last], 10, 64)
	if err != nil {
		return 0, err
	}
	if n > math.MaxInt64/uint64(unit) {
		return math.MaxInt64, nil
	}
	return time.Duration(n) * unit, nil
}
