package v2store

import "fmt"

// Code is the number of a refusal in API 2.
type Code int

// The codes that requests to the tree are refused with.
const (
	CodeKeyNotFound  Code = 100
	CodeTestFailed   Code = 101
	CodeNotFile      Code = 102
	CodeNotDir       Code = 104
	CodeNodeExists   Code = 105
	CodeRootReadOnly Code = 107
	CodeDirNotEmpty  Code = 108
	CodeIndexCleared Code = 401
)

// messages are what etcd says beside each code.
var messages = map[Code]string{
	CodeKeyNotFound:  "Key not found",
	CodeTestFailed:   "Compare failed",
	CodeNotFile:      "Not a file",
	CodeNotDir:       "Not a directory",
	CodeNodeExists:   "Key already exists",
	CodeRootReadOnly: "Root is read only",
	CodeDirNotEmpty:  "Directory not empty",
	CodeIndexCleared: "The event in requested index is outdated and cleared",
}

// String is the message of a code.
func (c Code) String() string { return messages[c] }

// Error is the refusal of a request. It changed nothing.
type Error struct {
	Code  Code
	Cause string // the path at fault, or how a comparison failed
	Index uint64 // the tree's index
}

// Error says what was refused, and why.
func (e *Error) Error() string { return fmt.Sprintf("%v (%s)", e.Code, e.Cause) }
