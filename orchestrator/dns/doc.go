// Package dns answers questions for names of a cluster, by version 1.1.0 of the schema at
// https://github.com/kubernetes/dns/blob/master/docs/specification.md:
//
//	SERVICE.NAMESPACE.svc.ZONE              A, AAAA of its cluster IPs, or of its ready endpoints if it is headless; CNAME
//	_PORT._PROTO.SERVICE.NAMESPACE.svc.ZONE SRV of a named port
//	HOST.SERVICE.NAMESPACE.svc.ZONE         A, AAAA of an endpoint, if it is headless, by hostname or dashed address
//	A-B-C-D.NAMESPACE.pod.ZONE              A of that address, whoever has it (may be switched off); IPv6 likewise
//	dns-version.ZONE                        TXT
//	reverse names                           PTR of cluster IPs and of endpoints of headless Services
//
// Read Handler first: what happens to a question. Zone finds the answers to names of the cluster, in an Index that changes when
// Services, EndpointSlices or Namespaces do (see Watch), so that a question costs a look into maps. Forwarder asks other servers
// the rest. Server joins them to ports.
//
// A name that has records, or others below it, exists: asked for a type that it has no record of, the answer is NODATA. All others
// do not (NXDOMAIN); a headless Service without a ready endpoint is one of those. A client may keep a negative answer for as long as
// the SOA record in it says. There are no wildcards: a label * stands for itself, and nothing has that name.
//
// It refuses zone transfers, updates, and questions of a class other than IN; ANY is not implemented (RFC 8482). It signs
// nothing. It does not keep what other servers answered: each question for a name outside of the cluster goes to them. Until the
// caches are filled, questions about the cluster fail (SERVFAIL), for it is not known what does not exist.
package dns
