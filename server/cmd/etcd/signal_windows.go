package main

import "os"

// raise does nothing: a process cannot signal itself here.
func raise(os.Signal) {}
