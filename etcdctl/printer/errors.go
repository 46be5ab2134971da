package printer

import "errors"

var (
	// ErrUnknownFormat says that no format has the name asked for.
	ErrUnknownFormat = errors.New("unsupported output format")
	// ErrUnsupported says that the format has no way to show the reply. The
	// text names the format: "table not supported as output format".
	ErrUnsupported = errors.New("not supported as output format")
)
