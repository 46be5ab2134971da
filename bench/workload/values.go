package workload

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Kinds of values.
const (
	Random = "random" // incompressible
	Pod    = "pod"    // reads like a Kubernetes pod; compresses to about an eighth in large blocks
)

// Kinds are the values Values.Kind may have.
func Kinds() []string { return []string{Random, Pod} }

// Values makes values that differ from one operation to the next.
type Values struct {
	Size int
	Kind string
	Seed uint64
}

// validate checks the size and kind.
func (v Values) validate() error {
	if v.Size < 1 {
		return fmt.Errorf("%w: a value needs a byte", ErrParameters)
	}
	if !slices.Contains(Kinds(), v.Kind) {
		return fmt.Errorf("%w: values are of kind %v, not %q", ErrParameters, Kinds(), v.Kind)
	}
	return nil
}

// Fill writes the value of operation n into dst, which has Size bytes.
func (v Values) Fill(dst []byte, n uint64) {
	r := stream{state: mix(v.Seed) ^ mix(n)}
	if v.Kind == Pod {
		r.fillPod(dst)
		return
	}
	r.fillRandom(dst)
}

// stream is splitmix64, one per value: filling 256 bytes costs some 30 ns.
type stream struct {
	state uint64
}

func (r *stream) next() uint64 {
	out := mix(r.state)
	r.state += 0x9e3779b97f4a7c15
	return out
}

// fillRandom fills dst with bytes no compressor can shrink.
func (r *stream) fillRandom(dst []byte) {
	for len(dst) >= 8 {
		binary.LittleEndian.PutUint64(dst, r.next())
		dst = dst[8:]
	}
	if len(dst) > 0 {
		var last [8]byte
		binary.LittleEndian.PutUint64(last[:], r.next())
		copy(dst, last[:])
	}
}

// podField is constant text followed by as many hexadecimal digits that differ from pod to pod.
type podField struct {
	text   string
	digits int
}

// podFields follow the order of a pod as the API server stores it. What differs comes first, so that
// short values differ too. About 115 of 1,024 bytes are digits, half of whose bits are news.
var podFields = []podField{
	{"k8s\x00\n\x09\n\x02v1\x12\x03Pod\x12", 0},
	{"{\"uid\":\"", 24},
	{"\",\"name\":\"web-frontend-", 10},
	{"-", 5},
	{"\",\"generateName\":\"web-frontend-6d5f9c7b8-\",\"namespace\":\"production\",\"resourceVersion\":\"\",", 0},
	{"\"creationTimestamp\":\"2026-03-14T", 6},
	{"Z\",\"labels\":{\"app.kubernetes.io/name\":\"web-frontend\",\"app.kubernetes.io/part-of\":\"shop\",", 0},
	{"\"pod-template-hash\":\"6d5f9c7b8\"},\"ownerReferences\":[{\"apiVersion\":\"apps/v1\",", 0},
	{"\"kind\":\"ReplicaSet\",\"name\":\"web-frontend-6d5f9c7b8\",\"controller\":true}]},", 0},
	{"\"spec\":{\"containers\":[{\"name\":\"server\",\"image\":\"registry.example.com/shop/web-frontend:v1.42.0\",", 0},
	{"\"ports\":[{\"containerPort\":8080,\"protocol\":\"TCP\"}],\"resources\":{\"limits\":{\"memory\":\"512Mi\"}}}],", 0},
	{"\"restartPolicy\":\"Always\",\"dnsPolicy\":\"ClusterFirst\",\"nodeName\":\"node-", 4},
	{"\",\"schedulerName\":\"default-scheduler\"},\"status\":{\"phase\":\"Running\",\"podIP\":\"10.", 6},
	{"\",\"containerStatuses\":[{\"ready\":true,\"restartCount\":0,\"containerID\":\"containerd://", 48},
	{"\"}],\"qosClass\":\"Burstable\"},\"padding\":\"", 12},
}

const hexDigits = "0123456789abcdef"

// fillPod repeats the fields until dst is full.
func (r *stream) fillPod(dst []byte) {
	for len(dst) > 0 {
		for _, f := range podFields {
			dst = dst[copy(dst, f.text):]
			bits := uint64(0)
			for i := 0; i < f.digits && len(dst) > 0; i++ {
				if i%16 == 0 {
					bits = r.next()
				}
				dst[0] = hexDigits[bits&15]
				bits >>= 4
				dst = dst[1:]
			}
		}
	}
}
