package v3

import (
	"strconv"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// splitWords splits a line of a txn or an interactive watch into words:
//
//	word    runs to the next space, quotes inside it included
//	'word'  runs to the next single quote, everything in between as it is
//	"word"  runs to the next double quote that no backslash escapes, and is
//	        read as a Go string
//
// A quote that opens a word and is never closed is skipped.
func splitWords(line string) ([]string, error) {
	var words []string
	for i := 0; i < len(line); {
		switch line[i] {
		case ' ', '\t', '\n', '\f', '\r':
			i++
		case '\'':
			n := strings.IndexByte(line[i+1:], '\'')
			if n < 0 {
				i++
				continue
			}
			words = append(words, line[i+1:i+1+n])
			i += n + 2
		case '"':
			n := quotedLen(line[i:])
			if n == 0 {
				i++
				continue
			}
			word, err := strconv.Unquote(line[i : i+n])
			if err != nil {
				return nil, invalidInput("%w", err)
			}
			words = append(words, word)
			i += n
		default:
			n := strings.IndexAny(line[i:], " \t\n\f\r")
			if n < 0 {
				n = len(line) - i
			}
			words = append(words, line[i:i+n])
			i += n
		}
	}
	return words, nil
}

// quotedLen is the length of the double-quoted word s begins with, quotes
// included; 0 if it is not closed.
func quotedLen(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

// parseLeaseID reads a lease's id as etcdctl prints it.
func parseLeaseID(arg string) (clientv3.LeaseID, error) {
	id, err := strconv.ParseInt(arg, 16, 64)
	if err != nil {
		return 0, badArgs("bad lease ID arg (%w), expecting ID in Hex", err)
	}
	return clientv3.LeaseID(id), nil
}

// parseMemberID reads a member's id as etcdctl prints it.
func parseMemberID(arg string) (uint64, error) {
	id, err := strconv.ParseUint(arg, 16, 64)
	if err != nil {
		return 0, badArgs("bad member ID arg (%w), expecting ID in Hex", err)
	}
	return id, nil
}
