package v2http

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/petcd/petcd/storage/v2store"
)

// appendEvent appends an event as clients see it, a line of JSON: without the namespace, and not told that it is a refresh,
// as etcd never shows that. With bare the nodes are left out.
//
// The bytes are encoding/json's of the event. They are made here because the event is shared, and would have to be copied
// with all its nodes to be changed.
func appendEvent(dst []byte, e *v2store.Event, bare bool) ([]byte, error) {
	dst = appendString(append(dst, `{"action":`...), string(e.Action))
	var err error
	if e.Node != nil && !bare {
		if dst, err = appendNode(append(dst, `,"node":`...), e.Node); err != nil {
			return nil, err
		}
	}
	if e.PrevNode != nil && !bare {
		if dst, err = appendNode(append(dst, `,"prevNode":`...), e.PrevNode); err != nil {
			return nil, err
		}
	}
	return append(dst, '}', '\n'), nil
}

// appendNode appends a node with all below it.
func appendNode(dst []byte, n *v2store.Node) ([]byte, error) {
	dst = append(dst, '{')
	begin := len(dst)
	if key := strings.TrimPrefix(n.Key, namespace); key != "" {
		dst = appendString(append(dst, `"key":`...), key)
	}
	if n.Value != nil {
		dst = appendString(appendName(dst, begin, `"value":`), *n.Value)
	}
	if n.Dir {
		dst = append(appendName(dst, begin, `"dir":`), "true"...)
	}
	if n.Expiration != nil {
		at, err := n.Expiration.MarshalJSON()
		if err != nil {
			return nil, err
		}
		dst = append(appendName(dst, begin, `"expiration":`), at...)
	}
	if n.TTL != 0 {
		dst = strconv.AppendInt(appendName(dst, begin, `"ttl":`), n.TTL, 10)
	}
	if len(n.Nodes) > 0 {
		dst = appendName(dst, begin, `"nodes":`)
		for i, child := range n.Nodes {
			separator := byte(',')
			if i == 0 {
				separator = '['
			}
			var err error
			if dst, err = appendNode(append(dst, separator), child); err != nil {
				return nil, err
			}
		}
		dst = append(dst, ']')
	}
	if n.ModifiedIndex != 0 {
		dst = strconv.AppendUint(appendName(dst, begin, `"modifiedIndex":`), n.ModifiedIndex, 10)
	}
	if n.CreatedIndex != 0 {
		dst = strconv.AppendUint(appendName(dst, begin, `"createdIndex":`), n.CreatedIndex, 10)
	}
	return append(dst, '}'), nil
}

// appendName appends the name of an object's next member; begin is where the object's first one is.
func appendName(dst []byte, begin int, name string) []byte {
	if len(dst) > begin {
		dst = append(dst, ',')
	}
	return append(dst, name...)
}

// appendString appends a string. What is not plain ASCII, encoding/json escapes.
func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			escaped, _ := json.Marshal(s) // a string has no error
			return append(dst, escaped...)
		}
	}
	return append(append(append(dst, '"'), s...), '"')
}
