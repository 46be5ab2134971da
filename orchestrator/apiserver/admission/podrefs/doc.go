// Package podrefs lists the secrets and config maps that a pod refers to, wherever in its spec it does so.
//
// Read Secrets. What a pod needs at second hand, such as the secrets of a volume that a claim leads to, is not in its spec and not
// in these lists.
package podrefs
