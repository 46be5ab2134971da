package server

import (
	"github.com/petcd/petcd/server/listener"
)

// reservedFiles are the file descriptors that clients' connections leave to tables, log and peers.
const reservedFiles = 2000

// connectionLimit bounds the connections of clients by the file descriptors that the process may have; nil where that is not
// known.
func connectionLimit() listener.Limit {
	files, ok := filesMax()
	if !ok {
		return nil
	}
	return listener.NewLimit(max(files-reservedFiles, files/2))
}
