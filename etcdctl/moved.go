package main

import (
	"fmt"

	"github.com/petcd/petcd/etcdctl/host"
)

// movedToEtcdutl are commands of older etcdctls that moved keys of API 2, each
// with what does it here.
var movedToEtcdutl = map[string]string{
	"migrate": `"etcdutl snapshot restore" of etcd's data directory`,
	"import":  `"etcdutl v2 import"`,
	"export":  `"etcdutl v2 export"`,
}

// hintAtEtcdutl adds to a call of such a command, which no API has, where to go.
func hintAtEtcdutl(p host.Process) {
	if len(p.Args) == 0 {
		return
	}
	if instead := movedToEtcdutl[p.Args[0]]; instead != "" {
		fmt.Fprintf(p.Stderr, "What %s was for, %s does.\n", p.Args[0], instead)
	}
}
