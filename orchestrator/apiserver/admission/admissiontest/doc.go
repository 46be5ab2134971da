// Package admissiontest is what the tests of all admission plugins share: requests made of few words, and plugins that see a
// cluster of given objects through a fake client and its informers.
//
// Read Request first. It is for tests only.
package admissiontest
