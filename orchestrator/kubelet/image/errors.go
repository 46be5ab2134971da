package image

// The reasons for which a container waits for its image, as its status says them.
const (
	ReasonInvalidImageName  = "InvalidImageName"
	ReasonErrImagePull      = "ErrImagePull"
	ReasonImagePullBackOff  = "ImagePullBackOff"
	ReasonErrImageNeverPull = "ErrImageNeverPull"
	ReasonImageInspectError = "ImageInspectError"
)

// Error is why an image isn't there.
type Error struct {
	Reason  string // one of the above
	Message string // for people
	Err     error  // the cause, if there is one
}

func (e *Error) Error() string { return e.Reason + ": " + e.Message }

func (e *Error) Unwrap() error { return e.Err }
