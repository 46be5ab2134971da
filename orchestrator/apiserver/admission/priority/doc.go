// Package priority is the admission plugin Priority: a pod's priorityClassName becomes the number that the scheduler compares, and
// at most one class is the default of pods that name none.
//
// Read Plugin. Classes are looked up with the informer alone; the two system classes are objects like others, which the apiserver
// makes when it starts. The number of a pod never changes, whatever becomes of its class.
package priority
