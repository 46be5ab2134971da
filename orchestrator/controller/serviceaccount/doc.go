// Package serviceaccount keeps a ServiceAccount named "default" in every namespace that is active. Pods that name no other run as it,
// and without it they are not admitted. One that is deleted comes again.
package serviceaccount
