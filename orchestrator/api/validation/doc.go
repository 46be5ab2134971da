// Package validation says what is wrong with an object before it is stored. The rules, field paths, error types and messages are those
// that users of Kubernetes know.
//
// It works on the versioned types of k8s.io/api, after defaulting: a required field that defaulting fills is reported when it is
// empty. It refuses nothing that needs another object or a clock to judge; those are the registry's and admission's to refuse (a
// node port that is taken, a namespace that ends). A kind that is not in the table has its metadata checked and nothing else.
//
// Read kinds.go first: it is the table of what is checked of each kind. A check takes the path of what it checks and returns
// errors, nil for none; checks are put together with slices.Concat, and check.go has the small ones that all share.
//
// Whatever a client sends, nothing here panics: a pointer is looked at before it is followed, and an old object is trusted no more
// than a new one.
package validation
