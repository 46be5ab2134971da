// Package shim is the process that stands between the runtime's daemon and a pod: one for each pod, the parent of all that runs in
// it. It holds the pod's namespaces, makes its containers, writes their logs, and knows how they ended. It outlives the daemon; a new
// daemon finds it by its socket, so nobody ever has to trust a process id that was read from a file.
//
// Read Request first (what the daemon may ask), then server (the shim's side), launch.go (how a container is made) and fork.go (how a
// process is made of a list of system calls). Client is the daemon's side.
//
// Invariants:
//   - All mounts of a container are made in its own mount namespace, by a thread that then ends. The node's never has one of them, and
//     when the container's last process dies the kernel unmounts everything.
//   - Between the shim and the container's program there is no other program: the thread enters the namespaces, forks, and the child
//     makes only system calls that were prepared before. No binary of the node is ever executed within a container.
//   - The shim is not dumpable, so neither it nor its children before execve can be opened or traced from a container.
//   - All descriptors are close-on-exec, and the child closes the rest once more.
//   - How a container ended is on disk before anybody is told.
//
// It refuses user namespaces and knows nothing of CRI, images or networks: it is given folders, numbers and filters. It imports little,
// because it has to start fast.
package shim
