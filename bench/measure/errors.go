package measure

import "errors"

// ErrProcFormat means that a file under /proc did not have the form proc(5) describes.
var ErrProcFormat = errors.New("measure: unexpected format under /proc")
