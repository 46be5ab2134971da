package httpapi

// openFilesMax is 0: there is no such limit here.
func openFilesMax() float64 { return 0 }
