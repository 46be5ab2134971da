// Package crifake is a container runtime for tests that runs nothing and remembers all.
//
// Read Runtime: it implements CRI's runtime and image services as the kubelet's core uses them. What a process would do on its own, a test
// does in its place: Exit ends a container, KillSandbox a sandbox. Calls lists what was asked of the runtime, in order.
//
// What the core doesn't call (streaming, statistics) is a nil interface's method: a test that reaches it fails.
package crifake
