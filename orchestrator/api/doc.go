// Package api is the scheme of all kinds that the apiserver serves, made of the types of k8s.io/api.
//
// One Go type serves both as a kind's version and as its internal form, as every group has one version. So nothing is converted
// between a request and the store, and whoever handles an object within the apiserver (strategies, admission, tables) sees the type
// that clients see. Should a group get a second version, its internal form is to become a type of its own.
//
// Package defaults fills in what users leave out, validation refuses what they get wrong, openapi describes the kinds.
package api
