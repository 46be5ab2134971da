package kubeadm

import (
	"net"
	"slices"
	"strconv"
	"strings"
)

// program is a part of the control plane: what it is called, and its flags. It runs in a static pod, where files are at their usual
// places, or by a unit, where they are below the root.
type program struct {
	name  string
	image string
	flags []string

	port   int32  // of its health
	scheme string // of it
	live   string
	ready  string
	host   string // "" for this machine's loopback
	cpu    string
	memory string // "" for none
	env    []Arg
}

// The programs of a control plane.
const (
	etcd              = "etcd"
	apiserver         = "kube-apiserver"
	controllerManager = "kube-controller-manager"
	scheduler         = "kube-scheduler"
)

func allPrograms() []string { return []string{etcd, apiserver, controllerManager, scheduler} }

func isProgram(name string) bool { return slices.Contains(allPrograms(), name) }

// programs are the control plane, with files below a folder: "" in static pods.
func (s *Settings) programs(below Layout) ([]*program, error) {
	serviceIP, err := s.serviceIP(1)
	if err != nil {
		return nil, err
	}
	all := []*program{s.etcd(below), s.apiserver(below, serviceIP), s.controllerManager(below), s.scheduler(below)}
	for _, p := range all {
		p.flags = withExtra(p.flags, s.ExtraArgs[p.name])
	}
	return all, nil
}

// withExtra adds flags, in order; one that is there already goes.
func withExtra(flags []string, extra []Arg) []string {
	for _, a := range extra {
		flags = slices.DeleteFunc(flags, func(f string) bool { return strings.HasPrefix(f, "--"+a.Name+"=") })
	}
	for _, a := range extra {
		flags = append(flags, "--"+a.Name+"="+a.Value)
	}
	slices.Sort(flags)
	return flags
}

func (s *Settings) etcd(in Layout) *program {
	url := func(port string) string { return "https://" + net.JoinHostPort(s.Address, port) }
	pair := func(name string) string { return in.In(pkiDir, "etcd", name) }
	return &program{
		name: etcd, image: s.image(etcd), port: 2381, scheme: "HTTP", live: "/livez", ready: "/readyz", host: "127.0.0.1", cpu: "100m", memory: "100Mi",
		// So that `etcdctl get / --prefix --keys-only` works in the pod as it is written.
		env: []Arg{{"ETCDCTL_API", "3"}, {"ETCDCTL_CACERT", pair("ca.crt")}, {"ETCDCTL_CERT", pair("server.crt")}, {"ETCDCTL_KEY", pair("server.key")}},
		flags: []string{
			"--advertise-client-urls=" + url("2379"),
			"--cert-file=" + pair("server.crt"),
			"--client-cert-auth=true",
			"--data-dir=" + in.In(etcdDir),
			"--feature-gates=InitialCorruptCheck=true",
			"--initial-advertise-peer-urls=" + url("2380"),
			"--initial-cluster=" + s.NodeName + "=" + url("2380"),
			"--key-file=" + pair("server.key"),
			"--listen-client-urls=https://127.0.0.1:2379," + url("2379"),
			"--listen-metrics-urls=http://127.0.0.1:2381",
			"--listen-peer-urls=" + url("2380"),
			"--name=" + s.NodeName,
			"--peer-cert-file=" + pair("peer.crt"),
			"--peer-client-cert-auth=true",
			"--peer-key-file=" + pair("peer.key"),
			"--peer-trusted-ca-file=" + pair("ca.crt"),
			"--snapshot-count=10000",
			"--trusted-ca-file=" + pair("ca.crt"),
			"--watch-progress-notify-interval=5s",
		},
	}
}

func (s *Settings) apiserver(in Layout, serviceIP net.IP) *program {
	file := func(name string) string { return in.In(pkiDir, name) }
	return &program{
		name: apiserver, image: s.image(apiserver), port: s.Port, scheme: "HTTPS", live: "/livez", ready: "/readyz", host: s.Address, cpu: "250m",
		flags: []string{
			"--advertise-address=" + s.Address,
			"--allow-privileged=true",
			"--authorization-mode=Node,RBAC",
			"--client-ca-file=" + file("ca.crt"),
			"--enable-admission-plugins=NodeRestriction",
			"--enable-bootstrap-token-auth=true",
			"--etcd-cafile=" + file("etcd/ca.crt"),
			"--etcd-certfile=" + file("apiserver-etcd-client.crt"),
			"--etcd-keyfile=" + file("apiserver-etcd-client.key"),
			"--etcd-servers=https://127.0.0.1:2379",
			"--kubelet-client-certificate=" + file("apiserver-kubelet-client.crt"),
			"--kubelet-client-key=" + file("apiserver-kubelet-client.key"),
			"--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname",
			"--requestheader-allowed-names=front-proxy-client",
			"--requestheader-client-ca-file=" + file("front-proxy-ca.crt"),
			"--requestheader-extra-headers-prefix=X-Remote-Extra-",
			"--requestheader-group-headers=X-Remote-Group",
			"--requestheader-username-headers=X-Remote-User",
			"--secure-port=" + strconv.Itoa(int(s.Port)),
			"--service-account-issuer=https://kubernetes.default.svc." + s.DNSDomain,
			"--service-account-key-file=" + file("sa.pub"),
			"--service-account-signing-key-file=" + file("sa.key"),
			"--service-cluster-ip-range=" + s.ServiceSubnet,
			"--tls-cert-file=" + file("apiserver.crt"),
			"--tls-private-key-file=" + file("apiserver.key"),
		},
	}
}

func (s *Settings) controllerManager(in Layout) *program {
	file := func(name string) string { return in.In(pkiDir, name) }
	conf := in.Kubeconfig("controller-manager.conf")
	return &program{
		name: controllerManager, image: s.image(controllerManager), port: 10257, scheme: "HTTPS", live: "/healthz", ready: "/healthz", host: "127.0.0.1", cpu: "200m",
		flags: []string{
			"--allocate-node-cidrs=true",
			"--authentication-kubeconfig=" + conf,
			"--authorization-kubeconfig=" + conf,
			"--bind-address=127.0.0.1",
			"--client-ca-file=" + file("ca.crt"),
			"--cluster-cidr=" + s.PodSubnet,
			"--cluster-name=" + s.ClusterName,
			"--cluster-signing-cert-file=" + file("ca.crt"),
			"--cluster-signing-key-file=" + file("ca.key"),
			"--controllers=*,bootstrap-signer-controller,token-cleaner-controller",
			"--kubeconfig=" + conf,
			"--leader-elect=true",
			"--requestheader-client-ca-file=" + file("front-proxy-ca.crt"),
			"--root-ca-file=" + file("ca.crt"),
			"--service-account-private-key-file=" + file("sa.key"),
			"--service-cluster-ip-range=" + s.ServiceSubnet,
			"--use-service-account-credentials=true",
		},
	}
}

func (s *Settings) scheduler(in Layout) *program {
	conf := in.Kubeconfig("scheduler.conf")
	return &program{
		name: scheduler, image: s.image(scheduler), port: 10259, scheme: "HTTPS", live: "/livez", ready: "/readyz", host: "127.0.0.1", cpu: "100m",
		flags: []string{
			"--authentication-kubeconfig=" + conf,
			"--authorization-kubeconfig=" + conf,
			"--bind-address=127.0.0.1",
			"--kubeconfig=" + conf,
			"--leader-elect=true",
		},
	}
}

// command is the program with its flags. path is where it is.
func (p *program) command(path string) []string { return append([]string{path}, p.flags...) }
