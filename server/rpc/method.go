package rpc

import (
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// method is what a path names.
type method struct {
	path    string
	service any
	unary   *grpc.MethodDesc // nil: a stream
	stream  *grpc.StreamDesc
}

// manyRequests tells whether the client may send more than one message.
func (m *method) manyRequests() bool { return m.unary == nil && m.stream.ClientStreams }

// RegisterService adds a service's methods. It is called before Serve.
func (s *Server) RegisterService(d *grpc.ServiceDesc, impl any) {
	s.services[d.ServiceName] = true
	add := func(name string, m *method) {
		m.path, m.service = "/"+d.ServiceName+"/"+name, impl
		s.methods[m.path] = m
	}
	for i := range d.Methods {
		add(d.Methods[i].MethodName, &method{unary: &d.Methods[i]})
	}
	for i := range d.Streams {
		add(d.Streams[i].StreamName, &method{stream: &d.Streams[i]})
	}
}

// unknown says why a path names no method, in grpc-go's words.
func (s *Server) unknown(path string) *status.Status {
	name, rooted := strings.CutPrefix(path, "/")
	slash := strings.LastIndexByte(name, '/')
	var why string
	switch {
	case !rooted || slash < 0:
		why = fmt.Sprintf("malformed method name: %q", path)
	case s.services[name[:slash]]:
		why = fmt.Sprintf("unknown method %v for service %v", name[slash+1:], name[:slash])
	default:
		why = fmt.Sprintf("unknown service %v", name[:slash])
	}
	return status.New(codes.Unimplemented, why)
}
