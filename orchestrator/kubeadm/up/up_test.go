package up

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/petcd/petcd/orchestrator/images"
	"github.com/petcd/petcd/orchestrator/kubeadm"
)

// TestUp is the purpose of a cluster, in one session with a stock kubectl: applications as containers, as many as wanted, that find each
// other; and that stay when parts of the cluster die, under traffic of which no request may fail where others can answer it.
func TestUp(t *testing.T) {
	for _, runtime := range []string{"embedded", "containerd"} {
		t.Run(runtime, func(t *testing.T) {
			if testing.Short() && runtime == "containerd" {
				t.Skip("takes minutes; TestInit has a cluster on containerd")
			}
			w := startUp(t, runtime)
			w.session()
			w.chaos()
			w.lostNode()
		})
	}
}

// startUp runs the cluster as `kubeadm up` does, in this process, and waits until it says that it is up.
func startUp(t *testing.T, runtime string) *world {
	w := newWorld(t, runtime, 2)
	ctx, cancel := context.WithCancel(context.Background())
	require.NoError(t, w.Start(ctx))
	t.Cleanup(cancel) // the forwarders, before Down
	require.NoError(t, w.forwardAPI(ctx))
	w.kubeconfig = w.Kubeconfig()
	service, err := w.deploy(ctx)
	require.NoError(t, err)
	url, err := w.forwardTo(ctx, service, "127.0.0.1:0")
	require.NoError(t, err)
	out, err := exec.Command("curl", "-sf", "http://"+url).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "version: v1")
	return w
}

// image is one of the cluster's own.
func image(name, tag string) string { return images.Reference(images.DefaultAddress, name, tag) }

// clusterIP is a Service's address.
func (w *world) clusterIP(service string) string {
	return w.must("get service "+service+" -o", "jsonpath={.spec.clusterIP}")
}

// session makes an application, five of it over two nodes, and reaches it by address and by name from a pod on each.
func (w *world) session() {
	t := w.t
	w.must("create deployment shop --port=8080 --image=" + image("web", "v1"))
	// A request fails that is sent to a container before it listens, or after it has ended: it says when it is ready, and takes its time.
	w.must("patch deployment shop --type=json -p", `[
		{"op":"add","path":"/spec/template/spec/containers/0/readinessProbe","value":{"httpGet":{"path":"/healthz","port":8080},"periodSeconds":1}},
		{"op":"add","path":"/spec/template/spec/containers/0/args","value":["-drain=10s"]}]`)
	w.must("scale deployment shop --replicas=5")
	w.must("expose deployment shop --port=80 --target-port=8080")
	w.must("rollout status deployment shop --timeout=90s")
	nodes := w.must("get pods -l app=shop -o", "jsonpath={.items[*].spec.nodeName}")
	require.Contains(t, nodes, "worker1")
	require.Contains(t, nodes, "worker2")

	ip := w.clusterIP("shop")
	for _, node := range []string{"worker1", "worker2"} {
		name := "client-" + node
		w.must("run "+name+" --image="+image("web", "v1"), fmt.Sprintf(`--overrides={"spec":{"nodeName":%q}}`, node))
		w.must("wait --for=condition=Ready --timeout=90s pod/" + name)
		for _, host := range []string{ip, "shop", "shop.default.svc.cluster.local"} {
			require.Contains(t, w.must("exec "+name+" --", "sh", "-c", fetch(host)), "version: v1", "from %s, by %s", node, host)
		}
	}

	// A container that dies is started again.
	pod := w.must("get pods -l app=shop -o", "jsonpath={.items[0].metadata.name} {.items[0].metadata.uid}")
	name, uid, _ := strings.Cut(pod, " ")
	pids := processesOf(t, uid, "web")
	require.Len(t, pids, 1)
	require.NoError(t, unix.Kill(pids[0], unix.SIGKILL))
	w.eventually(func(out string) bool { return out == "1 true" }, "get pod "+name+" -o",
		"jsonpath={.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].ready}")

	// The next version is rolled out, and no request fails.
	stop := w.traffic(net.JoinHostPort(ip, "80"))
	w.must("set image deployment/shop web=" + image("web", "v2"))
	w.must("rollout status deployment shop --timeout=120s")
	sent, failed := stop()
	require.Empty(t, failed, "of %d requests", sent)
	require.Contains(t, w.must("exec client-worker1 --", "sh", "-c", fetch("shop")), "version: v2")
}

// fetch is how a shell in the image of the application asks for a page. Not with -T: Debian's static busybox dies of it.
func fetch(host string) string { return "wget -q -O - http://" + host + "/" }

// chaos kills programs, one after another. Containers live on, requests are answered, and each program comes back.
func (w *world) chaos() {
	t := w.t
	w.eventually(func(out string) bool { return len(strings.Fields(out)) == 5 }, "get pods -l app=shop -o name") // those of the old version have gone
	started := w.startTimes()
	stop := w.traffic(net.JoinHostPort(w.clusterIP("shop"), "80"))
	daemon := "cri-runtime"
	if w.Runtime == "containerd" {
		daemon = "containerd"
	}
	for _, unit := range []string{"kubelet", daemon} {
		for _, node := range []string{"worker1", master} {
			pid := w.unitPid(node, unit)
			require.NoError(t, unix.Kill(pid, unix.SIGKILL))
			require.Eventually(t, func() bool { now := w.unitPid(node, unit); return now != 0 && now != pid }, soon, pause, "%s of %s is back", unit, node)
		}
		w.allRunning()
	}
	for _, part := range []string{"kube-proxy", "kube-apiserver", "etcd"} {
		uid, restarts := w.part(part)
		pids := processesOf(t, uid, part[:min(15, len(part))])
		require.NotEmpty(t, pids, part)
		require.NoError(t, unix.Kill(pids[0], unix.SIGKILL))
		require.Eventually(t, func() bool { _, now := w.tryPart(part); return now > restarts }, soon, pause, "%s is back", part)
		w.allRunning()
	}
	sent, failed := stop()
	require.Empty(t, failed, "of %d requests", sent)
	require.Equal(t, started, w.startTimes(), "containers of applications were left alone")
	w.must("create configmap after-all") // it can be written to
}

// startTimes are those of the applications' containers.
func (w *world) startTimes() string {
	return w.must("get pods -o", `jsonpath={range .items[*]}{.metadata.name} {.status.containerStatuses[0].containerID} {.status.containerStatuses[0].state.running.startedAt}{"\n"}{end}`)
}

// unitPid is the process of a node's program; 0 while there is none.
func (w *world) unitPid(node, unit string) int {
	text, err := os.ReadFile(kubeadm.Layout{Root: w.dir(node)}.In("/run/kubeadm", unit+".pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(string(text))
	if err != nil || syscall.Kill(pid, 0) != nil {
		return 0
	}
	return pid
}

// part is the pod of a program of the cluster on the master: what its cgroups are named by, and how often it was restarted.
func (w *world) part(name string) (uid string, restarts int) {
	w.t.Helper()
	require.Eventually(w.t, func() bool { uid, restarts = w.tryPart(name); return uid != "" }, soon, pause)
	return uid, restarts
}

func (w *world) tryPart(name string) (uid string, restarts int) {
	out, err := w.kubectl("get", "pods", "-n", "kube-system", "--field-selector=spec.nodeName="+master, "-o",
		`jsonpath={range .items[*]}{.spec.containers[0].name} {.metadata.uid} {.metadata.annotations.kubernetes\.io/config\.hash} {.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].ready}{"\n"}{end}`)
	if err != nil {
		return "", -1
	}
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) < 4 || f[0] != name || f[len(f)-1] != "true" {
			continue
		}
		restarts, err := strconv.Atoi(f[len(f)-2])
		if err != nil {
			return "", -1
		}
		return f[len(f)-3], restarts // the static pod's own, where it is the mirror of one
	}
	return "", -1
}

// lostNode lets a node lose power. Its pods run elsewhere soon, and when it comes back it is one again.
func (w *world) lostNode() {
	t := w.t
	w.must("patch deployment shop --type=merge -p", `{"spec":{"template":{"spec":{"tolerations":[
		{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":1},
		{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":1}]}}}}`)
	w.must("rollout status deployment shop --timeout=120s")
	w.crash("worker2")
	w.eventually(func(out string) bool { return out == "Unknown" }, "get node worker2 -o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
	w.eventually(func(out string) bool { return out == "5" }, "get deployment shop -o", "jsonpath={.status.readyReplicas}")
	require.NoError(t, reachableOnce(t.Context(), w.namespace(master), net.JoinHostPort(w.clusterIP("shop"), "80")))

	require.NoError(t, w.kubeadm(t.Context(), "worker2", "start", "--root="+w.dir("worker2")))
	w.allRunning()
	left, err := filepath.Glob(filepath.Join(w.dir("worker2"), "var/lib/kubelet/pods/*"))
	require.NoError(t, err)
	require.NotEmpty(t, left, "it runs pods again")
}
