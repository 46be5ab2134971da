// Package image keeps container images on a node: their layers, unpacked, and what their configuration says.
//
// Read Store first. Below its folder, layers/ has one folder for each layer, in the form that overlay file systems take; images/ one
// file for each image, which is written last; tmp/ what is not ready. Whatever no file of images/ names is removed when a store is
// opened, so a pull that was interrupted leaves nothing.
//
// A layer is not trusted: its files never lie outside of its folder, devices are refused, and of extended attributes only file
// capabilities and users' own are kept. Layers are shared by their content's digest, which is checked.
package image
