// Package bootstraptoken judges the tokens by which a machine that has nothing else yet joins a cluster.
//
// Such a token is "id.secret". It is good while the secret bootstrap-token-<id> in kube-system says so: that holds the secret half, when it
// expires, whether it is for authentication at all, and the groups of its user, who is system:bootstrap:<id>.
//
// Read Authenticator. It has no opinion on whatever is not such a token or has no such secret, and never tells why: a guesser
// learns nothing.
package bootstraptoken
