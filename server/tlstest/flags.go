package tlstest

import "strconv"

// ClientPortFlags are the flags of a server whose client port speaks TLS;
// clientAuth demands certificates of ca.
func ClientPortFlags(ca *CA, server Pair, clientAuth bool) []string {
	return flags("", ca, server, clientAuth)
}

// PeerPortFlags are ClientPortFlags for the peer port.
func PeerPortFlags(ca *CA, server Pair, clientAuth bool) []string {
	return flags("peer-", ca, server, clientAuth)
}

func flags(prefix string, ca *CA, server Pair, clientAuth bool) []string {
	fs := []string{"--" + prefix + "cert-file=" + server.CertFile, "--" + prefix + "key-file=" + server.KeyFile}
	if clientAuth {
		fs = append(fs, "--"+prefix+"trusted-ca-file="+ca.CertFile, "--"+prefix+"client-cert-auth="+strconv.FormatBool(clientAuth))
	} else if prefix != "" {
		fs = append(fs, "--"+prefix+"trusted-ca-file="+ca.CertFile) // members verify each other as servers
	}
	return fs
}
