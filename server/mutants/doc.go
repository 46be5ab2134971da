// Package mutants plants faults in petcd and demands that its tests find them. It has nothing but tests.
//
// A mutant is a file of testdata: which fault it is, which tests must fail of it, and the lines of petcd that it replaces. Many
// bring back a bug that etcd once had, the rest are the classic mistakes of such a store. The go command reads the changed files
// in place of the real ones (-overlay), so that nothing in the tree is touched.
//
// A mutant is caught when one of its tests fails by an assertion. One that does not compile, hangs or panics proves nothing
// about the tests, and counts as a failure here. So does one whose tests fail without it, and one whose lines are not in
// the tree any more: whoever changes those lines changes the mutant with them.
//
// Every run checks that all mutants still apply, and that a few drawn ones compile. With PETCD_MUTANTS=all, or the names of some
// separated by commas, they are run: `make mutants`.
//
// Read first: a file of testdata, then mutant, then judge.
package mutants
