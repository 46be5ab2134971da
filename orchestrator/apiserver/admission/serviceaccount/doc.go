// Package serviceaccount is the admission plugin ServiceAccount: every pod runs as an account of its namespace, "default" if it names
// none, and gets that account's token, the cluster's certificate authority and its namespace mounted where client libraries look.
//
// Read Plugin.Admit. Mirror pods are left as they are, because the kubelet that made them would take a changed one for a stranger;
// in turn they may not refer to what only an account gives: secrets and tokens.
//
// The default account is made by a controller a moment after its namespace: for that one account the plugin waits a little.
package serviceaccount
