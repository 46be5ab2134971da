// Package defaultstorageclass is the admission plugin DefaultStorageClass: a claim of a volume that names no class gets the one that
// is marked as the default. Of several it is the newest, so that a default can be replaced without a moment without one.
//
// Read Plugin. A claim that names the empty class wants none and gets none.
package defaultstorageclass
