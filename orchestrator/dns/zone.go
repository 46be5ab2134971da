package dns

import (
	"math/rand/v2"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// schema is the version of the specification that names follow.
const schema = "1.1.0"

// nameServer is what the zone's NS record names, below the zone: the Service in front of all servers like this one.
const nameServer = "kube-dns.kube-system.svc."

// Zone knows the names of a cluster.
type Zone struct {
	Name  string // lower-case, with its dot: "cluster.local."
	Index *Index

	TTL         uint32 // of records, in seconds
	NegativeTTL uint32 // of there being none
	Pods        bool   // whether names of pods' addresses exist
}

// answer is what there is to say about one question.
type answer struct {
	exists  bool // the name; there may be no record of the type that was asked for
	records []dns.RR
	extra   []dns.RR
	alias   string // the name is another name of this one, which need not be the cluster's
}

// noSuch is the answer that a name does not exist, noData that it does but has no such record.
var (
	noSuch = answer{}
	noData = answer{exists: true}
)

// contains tells whether a name is one of the zone's. A dot may be part of a label, with a backslash before it.
func (z *Zone) contains(name string) bool {
	return strings.HasSuffix(name, z.Name) && dns.IsSubDomain(z.Name, name)
}

// answer answers a question for a name of the zone. name is lower-case, owner is how it was asked for.
func (z *Zone) answer(name, owner string, qtype uint16) answer {
	labels := below(name, z.Name)
	if len(labels) == 0 {
		return z.apex(owner, qtype)
	}
	switch kind, rest := labels[0], labels[1:]; {
	case kind == "dns-version" && len(rest) == 0:
		if qtype != dns.TypeTXT {
			return noData
		}
		return found(&dns.TXT{Hdr: z.header(owner, dns.TypeTXT), Txt: []string{schema}})
	case kind == "svc":
		return z.ofServices(rest, owner, qtype)
	case kind == "pod" && z.Pods:
		return z.ofPods(rest, owner, qtype)
	}
	return noSuch
}

func found(records ...dns.RR) answer { return answer{exists: true, records: records} }

func (z *Zone) header(owner string, rrtype uint16) dns.RR_Header {
	return dns.RR_Header{Name: owner, Rrtype: rrtype, Class: dns.ClassINET, Ttl: z.TTL}
}

func (z *Zone) apex(owner string, qtype uint16) answer {
	switch qtype {
	case dns.TypeSOA:
		return found(z.soa(owner))
	case dns.TypeNS:
		return found(&dns.NS{Hdr: z.header(owner, dns.TypeNS), Ns: nameServer + z.Name})
	}
	return noData
}

// soa is the record that comes with negative answers, too: a client may keep them for the least of its own TTL and Minttl.
func (z *Zone) soa(owner string) *dns.SOA {
	h := z.header(owner, dns.TypeSOA)
	h.Ttl = min(z.TTL, z.NegativeTTL)
	return &dns.SOA{
		Hdr: h, Ns: nameServer + z.Name, Mbox: "hostmaster." + z.Name, Serial: z.Index.version(),
		Refresh: 7200, Retry: 1800, Expire: 86400, Minttl: z.NegativeTTL,
	}
}

// ofServices answers what is below "svc": the labels are a namespace, a Service, and what is below that.
func (z *Zone) ofServices(labels []string, owner string, qtype uint16) answer {
	if len(labels) < 2 {
		return z.ofNamespace(labels)
	}
	s := z.Index.service(labels[0], labels[1])
	if s == nil {
		return noSuch
	}
	switch rest := labels[2:]; {
	case len(rest) == 0 && s.external != "":
		return answer{exists: true, alias: s.external, records: []dns.RR{&dns.CNAME{Hdr: z.header(owner, dns.TypeCNAME), Target: s.external}}}
	case len(rest) == 0:
		return z.ofAddresses(s.ips, owner, qtype)
	case len(rest) == 1 && s.ports[rest[0]] != nil: // a protocol, which has ports below it
		return noData
	case len(rest) == 1 && s.hosts[rest[0]] != nil:
		return z.ofAddresses(s.hosts[rest[0]], owner, qtype)
	case len(rest) == 2 && s.ports[rest[0]][rest[1]] != nil:
		if qtype != dns.TypeSRV {
			return noData
		}
		return z.ofPort(s, s.ports[rest[0]][rest[1]], labels[1]+"."+labels[0]+".svc."+z.Name, owner)
	}
	return noSuch
}

// ofNamespace answers for a name that has only others below it: "svc", or a namespace that exists.
func (z *Zone) ofNamespace(labels []string) answer {
	if len(labels) == 1 && !z.Index.hasNamespace(labels[0]) {
		return noSuch
	}
	return noData
}

// ofPods answers what is below "pod": any address, in any namespace that exists. Whether a pod has it is not looked up.
func (z *Zone) ofPods(labels []string, owner string, qtype uint16) answer {
	if len(labels) < 2 {
		return z.ofNamespace(labels)
	}
	ip, ok := undashed(labels[1])
	if len(labels) > 2 || !ok || !z.Index.hasNamespace(labels[0]) {
		return noSuch
	}
	return z.ofAddresses([]netip.Addr{ip}, owner, qtype)
}

func (z *Zone) ofAddresses(ips []netip.Addr, owner string, qtype uint16) answer {
	return answer{exists: true, records: z.addressRecords(ips, owner, qtype)}
}

// addressRecords are the records of a type for those of the addresses that are of its family, in any order: many a client
// takes the first.
func (z *Zone) addressRecords(ips []netip.Addr, owner string, qtype uint16) (records []dns.RR) {
	for _, ip := range ips {
		switch {
		case qtype == dns.TypeA && ip.Is4():
			records = append(records, &dns.A{Hdr: z.header(owner, dns.TypeA), A: ip.AsSlice()})
		case qtype == dns.TypeAAAA && ip.Is6():
			records = append(records, &dns.AAAA{Hdr: z.header(owner, dns.TypeAAAA), AAAA: ip.AsSlice()})
		}
	}
	rand.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
	return records
}

// ofPort answers where a port of a Service is, and adds the addresses of the names in the answer.
func (z *Zone) ofPort(s *service, targets []target, name, owner string) (a answer) {
	a.exists = true
	weight := uint16(max(1, 100/len(targets)))
	told := map[string]bool{}
	for _, t := range targets {
		host, ips := name, s.ips
		if t.host != "" {
			host, ips = t.host+"."+name, s.hosts[t.host]
		}
		a.records = append(a.records, &dns.SRV{Hdr: z.header(owner, dns.TypeSRV), Weight: weight, Port: t.port, Target: host})
		if !told[host] {
			told[host] = true
			a.extra = append(a.extra, z.addressRecords(ips, host, dns.TypeA)...)
			a.extra = append(a.extra, z.addressRecords(ips, host, dns.TypeAAAA)...)
		}
	}
	return a
}

// pointers answers a question for the name of an address; it does not exist here if the address is not one of the cluster's.
func (z *Zone) pointers(ip netip.Addr, owner string, qtype uint16) (a answer) {
	for _, name := range z.Index.namesOf(ip) {
		a.exists = true
		if qtype == dns.TypePTR {
			a.records = append(a.records, &dns.PTR{Hdr: z.header(owner, dns.TypePTR), Ptr: name + "svc." + z.Name})
		}
	}
	return a
}
