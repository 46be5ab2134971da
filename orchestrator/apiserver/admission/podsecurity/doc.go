// Package podsecurity is the admission plugin PodSecurity: the labels pod-security.kubernetes.io/{enforce,warn,audit} of a namespace
// say how much pods in it may ask of their node, by the Pod Security Standards "privileged", "baseline" and "restricted".
//
// Read Plugin.Validate. The standards, the messages and the file format of the configuration are those of the library
// k8s.io/pod-security-admission; here it is joined to our apiserver. Without a configuration everything is allowed where no label
// says otherwise. How often which check failed is not measured.
package podsecurity
