// Package images makes the OCI images of a cluster from programs that are already built, and serves them to the container runtimes
// of this machine. It needs no Docker daemon and no registry elsewhere.
//
// Read Build, then Serve; recipes.go says what is in which image.
//
// An image is named petcd.local/<name>:<tag>, by one tag for all that is built together: Tag makes it of the version that is linked
// into the programs, so that kubeadm and `images build` agree without a word. The web application has the tags v1 and v2, too, so
// that there is a version to roll forward to. A layout on disk holds that name in the annotation org.opencontainers.image.ref.name.
//
// A registry serves them as <address>/<name>:<tag>, by default 127.0.0.1:5055/etcd:v1.37.2. That is what pods refer to: container
// runtimes speak plain HTTP to loopback without being configured, and each node has its own loopback, where a registry of its own
// listens. A runtime that is told to find petcd.local at that address (containerd: certs.d/petcd.local/hosts.toml) finds the same
// images by their proper names.
//
// Invariants: the same programs make the same bytes, whenever and wherever: files are sorted, owned by root, and as old as Unix.
// A program that is linked dynamically brings the libraries that its ELF header names. What is served can't be changed through the
// registry, and nothing that a client asks for leads out of the layout's folder.
//
// It refuses to guess: a program that an image needs and that isn't there is an error that says where to get it.
package images
