// Package reviews serves the questions that clients may ask about users: who am I, whose token is this, may this user do that, what may
// I do here. kubectl auth can-i and whoami ask them, and so do servers that leave authentication to the apiserver.
//
// A question is an object that is created, and the answer is its status. Nothing is stored. Read review; Authorization and
// Authentication return all of them by resource.
package reviews
