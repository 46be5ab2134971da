// Package seccomp makes the filter of system calls that a container has by default.
//
// Default is all there is. A call that isn't allowed fails with EPERM; what the kernel may not have, as clone3, with ENOSYS, so that
// libraries fall back to what is allowed. What is allowed follows from the container's capabilities: who has none of a subsystem's
// can't call it.
package seccomp
