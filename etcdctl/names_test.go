package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// names replaces what differs from run to run by what does not, as wide as it
// was so that tables keep their form.
type names struct {
	ids    map[uint64]string
	hosts  []string // addresses and files: old, new, old, new, …
	others int

	tree *treeIndex // nil in API 3
}

func newNames() *names { return &names{ids: make(map[uint64]string)} }

// id names a cluster's or member's id.
func (n *names) id(id uint64, name string) error {
	if id < 1<<60 {
		return errShortID
	}
	n.ids[id] = wide(name)
	return nil
}

// host names an address; name is five characters, like a port.
func (n *names) host(address, name string) {
	host, _, _ := strings.Cut(address, ":")
	n.hosts = append(n.hosts, address, host+":"+name)
}

// wide makes a name as wide as an id in hexadecimal.
func wide(name string) string { return strings.Repeat(".", max(16-len(name), 0)) + name }

var (
	hexID     = regexp.MustCompile(`\b[0-9a-f]{13,16}\b`) // one in 65,536 is shorter
	decimalID = regexp.MustCompile(`\b[0-9]{15,20}\b`)

	membersJSON    = regexp.MustCompile(`"members":\[.*\]`)
	memberJSON     = regexp.MustCompile(`\{"ID":[^}]*\}`)
	initialCluster = regexp.MustCompile(`ETCD_INITIAL_CLUSTER=.*`)
	memberURL      = regexp.MustCompile(`[a-z0-9]+=http:[^",]+`)

	// varying are figures that depend on time, size or the version of the server.
	varying = []struct {
		pattern *regexp.Regexp
		with    string
	}{
		{regexp.MustCompile(`tls: failed to verify certificate: (x509)`), "${1}"}, // Go's before 1.20
		{regexp.MustCompile(`(took = |took |"took":"|"Took" : )[0-9.]+[mµn]?s`), "${1}TIME"},
		{regexp.MustCompile(`(?i)("(?:raft_?term|raftindex|raftappliedindex|dbsize\w*)" ?: ?)[0-9]+`), "${1}N"},
		{regexp.MustCompile(`(?i)("version" ?: ?")3\.[0-9]+\.[0-9]+[^"]*`), "${1}VERSION"},
		{regexp.MustCompile(`(Member|cluster) {2,}`), "${1} "}, // before an id with leading zeros
		{regexp.MustCompile(`(remaining\()[0-9]+s`), "${1}Ns"},
		{regexp.MustCompile(`("TTL" : |"ttl":)[0-9]+`), "${1}N"},
		{regexp.MustCompile(`("TTL":)[0-9]+(,"grantedTTL")`), "${1}N${2}"},
		{regexp.MustCompile(`time=20[0-9TZ:.-]+`), "time=TIME"},
		{regexp.MustCompile(`("hash":)[0-9]+(,"revision":.*"totalSize":)[0-9]+`), "${1}N${2}N"},
		{regexp.MustCompile(`(Server version )3\.[0-9]+\.[0-9]+.*`), "${1}VERSION"},
	}
)

// stable returns text with names in place of ids and addresses, without the
// log lines that client/v3 writes between etcdctl's own.
func (n *names) stable(text string) string {
	var kept []string
	for _, line := range strings.SplitAfter(text, "\n") {
		if !strings.HasPrefix(line, `{"level":"`) {
			kept = append(kept, line)
		}
	}
	text = strings.Join(kept, "")
	text = strings.NewReplacer(n.hosts...).Replace(text)
	for _, v := range varying {
		text = v.pattern.ReplaceAllString(text, v.with)
	}
	if n.tree != nil {
		text = n.tree.stable(text)
	}
	text = membersJSON.ReplaceAllStringFunc(text, func(s string) string { return sorted(s, memberJSON) })
	text = initialCluster.ReplaceAllStringFunc(text, func(s string) string { return sorted(s, memberURL) })
	text = hexID.ReplaceAllStringFunc(text, func(s string) string { return n.name(s, 16) })
	return decimalID.ReplaceAllStringFunc(text, func(s string) string { return n.name(s, 10) })
}

// sorted puts the parts of s that match in an order of their own: etcd lists
// members by id, which is as good as at random.
func sorted(s string, part *regexp.Regexp) string {
	parts := part.FindAllString(s, -1)
	slices.SortFunc(parts, func(a, b string) int {
		return strings.Compare(decimalID.ReplaceAllString(a, ""), decimalID.ReplaceAllString(b, ""))
	})
	i := -1
	return part.ReplaceAllStringFunc(s, func(string) string { i++; return parts[i] })
}

// name is the name of an id that was printed. One that is not known, a lease's
// or a new member's, gets the next name.
func (n *names) name(printed string, base int) string {
	id, err := strconv.ParseUint(printed, base, 64)
	if err != nil || id == 0 || base == 10 && printed[0] == '0' { // an in-order key of API 2
		return printed
	}
	if _, ok := n.ids[id]; !ok {
		n.others++
		n.ids[id] = wide(fmt.Sprintf("id-%d", n.others))
	}
	if base == 10 {
		return strings.TrimLeft(n.ids[id], ".")
	}
	return n.ids[id]
}
