package environment

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/petcd/petcd/orchestrator/kubelet/source"
)

// apiserverService is the Service, in namespace default, that every pod is told of.
const apiserverService = "kubernetes"

// services are the variables by which a pod finds the Services of its namespace, if it wants to know, and the apiserver.
func (b *Builder) services(pod *v1.Pod) (*variables, error) {
	vars := newVariables()
	if b.o.Services == nil {
		return vars, nil
	}
	if b.o.Synced != nil && !b.o.Synced() && !source.IsStatic(pod) { // static pods are what an apiserver runs in, too
		return nil, errors.New("services have not yet been read at least once, cannot construct envvars")
	}
	found := map[string]*v1.Service{}
	if pod.Spec.EnableServiceLinks == nil || *pod.Spec.EnableServiceLinks {
		all, err := b.o.Services.Services(pod.Namespace).List(labels.Everything())
		if err != nil {
			return nil, fmt.Errorf("services of namespace %s: %w", pod.Namespace, err)
		}
		for _, s := range all {
			found[s.Name] = s
		}
	}
	if _, ok := found[apiserverService]; !ok {
		if s, err := b.o.Services.Services(metav1.NamespaceDefault).Get(apiserverService); err == nil {
			found[apiserverService] = s
		}
	}
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		addService(found[name], vars)
	}
	return vars, nil
}

// addService adds the variables of one Service: the plain ones, and those that Docker's links had.
func addService(s *v1.Service, vars *variables) {
	ip := s.Spec.ClusterIP
	if ip == "" || ip == v1.ClusterIPNone || len(s.Spec.Ports) == 0 {
		return
	}
	name := variableName(s.Name)
	vars.set(name+"_SERVICE_HOST", ip)
	vars.set(name+"_SERVICE_PORT", strconv.Itoa(int(s.Spec.Ports[0].Port)))
	for i := range s.Spec.Ports {
		if port := &s.Spec.Ports[i]; port.Name != "" {
			vars.set(name+"_SERVICE_PORT_"+variableName(port.Name), strconv.Itoa(int(port.Port)))
		}
	}
	for i := range s.Spec.Ports {
		protocol := s.Spec.Ports[i].Protocol
		if protocol == "" {
			protocol = v1.ProtocolTCP
		}
		port := strconv.Itoa(int(s.Spec.Ports[i].Port))
		at := strings.ToLower(string(protocol)) + "://" + net.JoinHostPort(ip, port)
		if i == 0 {
			vars.set(name+"_PORT", at)
		}
		prefix := name + "_PORT_" + port + "_" + strings.ToUpper(string(protocol))
		vars.set(prefix, at)
		vars.set(prefix+"_PROTO", strings.ToLower(string(protocol)))
		vars.set(prefix+"_PORT", port)
		vars.set(prefix+"_ADDR", ip)
	}
}

// variableName is how a name is written in a variable's.
func variableName(name string) string { return strings.ToUpper(strings.ReplaceAll(name, "-", "_")) }
