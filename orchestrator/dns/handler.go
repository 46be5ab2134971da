package dns

import (
	"context"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/miekg/dns"
)

const (
	// maxUDP is the longest answer by UDP, whatever the client offers: a longer one might be fragmented, which many networks
	// drop.
	maxUDP = 1232
	// maxAliases is how many ExternalName Services may point to each other in a row.
	maxAliases = 8
	// patience is how long a question may take in all. Clients ask again after five seconds.
	patience = 4 * time.Second
)

// Handler answers questions: those about the cluster itself, the rest by asking others.
type Handler struct {
	Zone    *Zone
	Forward *Forwarder
	Synced  func() bool // whether the zone's index is complete
	Metrics *Metrics
}

// ServeDNS implements dns.Handler.
func (h *Handler) ServeDNS(w dns.ResponseWriter, req *dns.Msg) {
	start := time.Now()
	network := "udp"
	if _, ok := w.RemoteAddr().(*net.TCPAddr); ok {
		network = "tcp"
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	reply := h.respond(ctx, req, network)
	h.Metrics.answered(network, req, reply, time.Since(start))
	if err := w.WriteMsg(reply); err != nil {
		var unreachable *net.OpError
		if errors.As(err, &unreachable) {
			return // the client has gone
		}
		failed := new(dns.Msg).SetRcode(req, dns.RcodeServerFailure) // what another server has sent cannot be sent on
		_ = w.WriteMsg(failed)                                       // nothing more can be done for the client
	}
}

// respond makes the message that goes back.
func (h *Handler) respond(ctx context.Context, req *dns.Msg, network string) *dns.Msg {
	reply := new(dns.Msg).SetReply(req)
	reply.RecursionAvailable = h.Forward.Able()
	options := req.IsEdns0()
	switch {
	case req.Opcode != dns.OpcodeQuery:
		reply.Rcode = dns.RcodeNotImplemented
	case len(req.Question) != 1:
		reply.Rcode = dns.RcodeFormatError
	case options != nil && options.Version() != 0:
		reply.Rcode = dns.RcodeBadVers
	default:
		h.answer(ctx, req, reply, network)
	}
	if options != nil {
		reply.SetEdns0(maxUDP, options.Do())
	}
	reply.Compress = true
	reply.Truncate(room(options, network))
	return reply
}

// room is how long a reply may be.
func room(options *dns.OPT, network string) int {
	switch {
	case network == "tcp":
		return dns.MaxMsgSize
	case options == nil:
		return dns.MinMsgSize
	}
	return int(min(max(options.UDPSize(), dns.MinMsgSize), maxUDP))
}

// answer fills in the reply to a question.
func (h *Handler) answer(ctx context.Context, req, reply *dns.Msg, network string) {
	q := req.Question[0]
	switch {
	case q.Qclass != dns.ClassINET, q.Qtype == dns.TypeAXFR, q.Qtype == dns.TypeIXFR:
		reply.Rcode = dns.RcodeRefused
		return
	case q.Qtype == dns.TypeANY:
		reply.Rcode = dns.RcodeNotImplemented
		return
	}
	name := dns.CanonicalName(q.Name)
	ip, reversed := unreversed(name)
	switch {
	case h.Zone.contains(name):
		h.fromZone(ctx, q, h.Zone.answer(name, q.Name, q.Qtype), reply, network)
	case reversed:
		if a := h.Zone.pointers(ip, q.Name, q.Qtype); a.exists {
			h.fromZone(ctx, q, a, reply, network)
			return
		}
		h.fromOthers(ctx, req, reply, network)
	default:
		h.fromOthers(ctx, req, reply, network)
	}
}

// fromZone fills in what the cluster's index says.
func (h *Handler) fromZone(ctx context.Context, q dns.Question, a answer, reply *dns.Msg, network string) {
	if !h.Synced() {
		reply.Rcode = dns.RcodeServerFailure
		return
	}
	reply.Authoritative = true
	reply.Answer, reply.Extra = a.records, a.extra
	if !a.exists {
		reply.Rcode = dns.RcodeNameError
	}
	if a.alias != "" && q.Qtype != dns.TypeCNAME {
		h.follow(ctx, q.Qtype, a.alias, reply, network)
		return
	}
	if len(reply.Answer) == 0 {
		reply.Ns = []dns.RR{h.Zone.soa(h.Zone.Name)}
	}
}

// follow adds what an alias leads to: clients in pods do not look for it themselves.
func (h *Handler) follow(ctx context.Context, qtype uint16, alias string, reply *dns.Msg, network string) {
	for range maxAliases {
		if !h.Zone.contains(alias) {
			h.followOutside(ctx, qtype, alias, reply, network)
			return
		}
		a := h.Zone.answer(alias, alias, qtype)
		reply.Answer = append(reply.Answer, a.records...)
		if a.alias == "" {
			if len(a.records) == 0 {
				reply.Ns = []dns.RR{h.Zone.soa(h.Zone.Name)}
			}
			if !a.exists {
				reply.Rcode = dns.RcodeNameError // as RFC 6604 has it: of the last name in the chain
			}
			return
		}
		alias = a.alias
	}
	reply.Rcode, reply.Answer = dns.RcodeServerFailure, nil // they point to each other
}

// followOutside adds what another server says of an alias. Without any server, the alias alone is all that is known.
func (h *Handler) followOutside(ctx context.Context, qtype uint16, alias string, reply *dns.Msg, network string) {
	got, err := h.Forward.Exchange(ctx, new(dns.Msg).SetQuestion(alias, qtype), network)
	switch {
	case errors.Is(err, errNoServers):
	case err != nil:
		reply.Rcode, reply.Answer = dns.RcodeServerFailure, nil
	default:
		reply.Rcode, reply.Truncated = got.Rcode, got.Truncated
		reply.Answer, reply.Ns = append(reply.Answer, got.Answer...), got.Ns
	}
}

// fromOthers fills in what another server says.
func (h *Handler) fromOthers(ctx context.Context, req, reply *dns.Msg, network string) {
	got, err := h.Forward.Exchange(ctx, req, network)
	switch {
	case errors.Is(err, errNoServers), errors.Is(err, errLoop):
		reply.Rcode = dns.RcodeRefused
	case err != nil:
		reply.Rcode = dns.RcodeServerFailure
	default:
		reply.MsgHdr, reply.Answer, reply.Ns = got.MsgHdr, got.Answer, got.Ns
		reply.Extra = slices.DeleteFunc(got.Extra, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeOPT }) // between us and them
		reply.Id, reply.Response, reply.Opcode = req.Id, true, req.Opcode
		reply.RecursionDesired = req.RecursionDesired
	}
}
