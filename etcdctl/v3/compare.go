package v3

import (
	"fmt"
	"strconv"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// parseCompare reads one condition of a transaction:
//
//	target("key") op "value"
//
// where target is version, create, mod, value or lease (ver, c, m and val for
// short), op is one of = != < > and value is quoted, whatever its type. A lease
// is given in hexadecimal.
func parseCompare(line string) (clientv3.Cmp, error) {
	target, rest, ok := strings.Cut(line, "(")
	if !ok {
		return clientv3.Cmp{}, fmt.Errorf("malformed comparison: %s", line)
	}
	key, op, value, err := comparison(rest)
	if err != nil {
		return clientv3.Cmp{}, fmt.Errorf("malformed comparison: %s (%w)", line, err)
	}
	var compared clientv3.Cmp
	base := 10
	switch target {
	case "ver", "version":
		compared = clientv3.Version(key)
	case "c", "create":
		compared = clientv3.CreateRevision(key)
	case "m", "mod":
		compared = clientv3.ModRevision(key)
	case "lease":
		compared, base = clientv3.LeaseValue(key), 16
	case "val", "value":
		return clientv3.Compare(clientv3.Value(key), op, value), nil
	default:
		return clientv3.Cmp{}, fmt.Errorf("malformed comparison: %s (unknown target %s)", line, target)
	}
	number, err := strconv.ParseInt(value, base, 64)
	if err != nil {
		return clientv3.Cmp{}, fmt.Errorf("invalid txn compare request: %s", line)
	}
	return clientv3.Compare(compared, op, number), nil
}

// comparison reads what follows the parenthesis: "key") op "value". The scan is
// the one etcdctl documents by using it: what comes after the value is ignored,
// and either string may be quoted by backquotes.
func comparison(s string) (key, op, value string, err error) {
	if _, err := fmt.Sscanf(s, "%q) %s %q", &key, &op, &value); err != nil {
		return "", "", "", err
	}
	switch op {
	case "=", "!=", "<", ">":
		return key, op, value, nil
	default:
		return "", "", "", fmt.Errorf("unknown operator %q", op)
	}
}
