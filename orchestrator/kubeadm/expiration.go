package kubeadm

import (
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"text/tabwriter"
	"time"

	certutil "k8s.io/client-go/util/cert"

	"github.com/petcd/petcd/orchestrator/kubeadm/pki"
)

// expirations prints until when the certificates of a control plane are good.
func expirations(l Layout, out io.Writer, now time.Time) error {
	w := tabwriter.NewWriter(out, 10, 4, 3, ' ', 0)
	fmt.Fprintln(w, "CERTIFICATE\tEXPIRES\tRESIDUAL TIME\tCERTIFICATE AUTHORITY")
	for _, name := range pki.Names() {
		certs, err := certutil.CertsFromFile(filepath.Join(l.In(pkiDir), name+".crt"))
		if err != nil {
			fmt.Fprintf(w, "%s\t!MISSING!\t\t\n", name)
			continue
		}
		until := certs[0].NotAfter
		fmt.Fprintf(w, "%s\t%s\t%dd\t%s\n", name, until.UTC().Format("Jan 02, 2006 15:04 MST"), int(until.Sub(now).Hours()/24), certs[0].Issuer.CommonName)
	}
	return w.Flush()
}

// hostOf is the host and port of a server's URL.
func hostOf(server string) string {
	u, err := url.Parse(server)
	if err != nil {
		return server
	}
	return u.Host
}
