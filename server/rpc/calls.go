package rpc

// answer makes a unary call.
func (s *stream) answer() {
	m, o := s.head.method, &s.conn.server.options
	resp, err := m.unary.Handler(m.service, s.ctx, s.decodeRequest, o.Unary)
	if err != nil {
		_ = s.send(body{}, statusOf(err)) // nobody waits for it any more
		return
	}
	answer, err := s.encode(resp)
	_ = s.send(answer, statusOf(err)) // as above
}

// decodeRequest fills the handler's request in, once.
func (s *stream) decodeRequest(into any) error { return s.decode(s.request, into) }

// serve calls the handler of a stream.
func (s *stream) serve() {
	m, o := s.head.method, &s.conn.server.options
	ss := &serverStream{stream: s}
	var err error
	if o.Stream == nil {
		err = m.stream.Handler(m.service, ss)
	} else {
		err = o.Stream(m.service, ss, m.info(), m.stream.Handler)
	}
	_ = s.send(body{}, statusOf(err)) // nobody waits for it any more
}
