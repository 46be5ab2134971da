// Package admission joins the admission plugins of the apiserver, one in each folder below: what a request may change or must not do
// once it is known who sent it, and what it would store.
//
// Read Order. The plugins' names and order are upstream's, so that --enable-admission-plugins and --disable-admission-plugins of
// other clusters mean the same here; a name that isn't among ours is refused when the flags are validated. Our types serve as
// versioned and internal ones at once: plugins see *corev1.Pod and its like.
//
// A plugin imports no other; what two of them need is in a folder of its own (podrefs).
package admission
