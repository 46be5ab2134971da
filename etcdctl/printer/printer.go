package printer

import (
	"bytes"
	"fmt"
	"io"
)

// Printer writes replies in one format. A reply is a response type of
// client/v3 or one of this package's own, which carry what the response alone
// does not say.
type Printer interface {
	// Print writes one reply. It returns an error that wraps ErrUnsupported if
	// the format cannot show this kind of reply.
	Print(reply any) error
}

// Options are the flags that change how every format but protobuf looks.
type Options struct {
	Hex       bool // keys, values and ids in hexadecimal
	ValueOnly bool // simple only: values without their keys

	Out io.Writer // the replies
	Err io.Writer // simple only: endpoints that are not healthy
}

// Formats are the names New knows, in the order in which help lists them.
func Formats() []string { return []string{"fields", "json", "protobuf", "simple", "table"} }

// New returns the printer of the named format, or ErrUnknownFormat.
func New(format string, o Options) (Printer, error) {
	switch format {
	case "simple":
		return &simple{o}, nil
	case "json":
		return &jsonFormat{o}, nil
	case "fields":
		return &fields{o}, nil
	case "table":
		return &table{o}, nil
	case "protobuf":
		return &protobuf{o}, nil
	}
	return nil, ErrUnknownFormat
}

// unsupported is the refusal of every reply that format has no shape for.
func unsupported(format string) error { return fmt.Errorf("%s %w", format, ErrUnsupported) }

// flush writes what was gathered in one call (P1).
func flush(w io.Writer, b *bytes.Buffer) error {
	if b.Len() == 0 {
		return nil
	}
	_, err := w.Write(b.Bytes())
	return err
}
