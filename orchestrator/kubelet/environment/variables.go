package environment

import (
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// variables are those of one environment, in the order in which they first came.
type variables struct {
	all []*runtimeapi.KeyValue
	at  map[string]int
}

func newVariables() *variables { return &variables{at: map[string]int{}} }

// set gives a variable a value, whether it had one or not.
func (v *variables) set(name, value string) {
	if i, ok := v.at[name]; ok {
		v.all[i].Value = []byte(value)
		return
	}
	v.at[name] = len(v.all)
	v.all = append(v.all, &runtimeapi.KeyValue{Key: name, Value: []byte(value)})
}

// get is a variable's value so far.
func (v *variables) get(name string) (string, bool) {
	i, ok := v.at[name]
	if !ok {
		return "", false
	}
	return string(v.all[i].Value), true
}
