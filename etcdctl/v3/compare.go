package v3

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

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

// comparison reads what follows the parenthesis: "key") op "value". What comes
// after the value is ignored, as etcdctl does.
func comparison(s string) (key, op, value string, err error) {
	if key, s, err = unquoted(s); err != nil {
		return "", "", "", fmt.Errorf("key: %w", err)
	}
	s, ok := strings.CutPrefix(s, ")")
	if !ok {
		return "", "", "", fmt.Errorf("no ) after the key")
	}
	trimmed := strings.TrimLeftFunc(s, unicode.IsSpace)
	if trimmed == s {
		return "", "", "", fmt.Errorf("no space before the operator")
	}
	op, s = trimmed, ""
	if end := strings.IndexFunc(trimmed, unicode.IsSpace); end >= 0 {
		op, s = trimmed[:end], trimmed[end:]
	}
	switch op {
	case "=", "!=", "<", ">":
	default:
		return "", "", "", fmt.Errorf("unknown operator %q", op)
	}
	if value, _, err = unquoted(strings.TrimLeftFunc(s, unicode.IsSpace)); err != nil {
		return "", "", "", fmt.Errorf("value: %w", err)
	}
	return key, op, value, nil
}
