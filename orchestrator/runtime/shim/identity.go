package shim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxAccounts bounds /etc/passwd and /etc/group of an image.
const maxAccounts = 4 << 20

// account is a line of /etc/passwd.
type account struct {
	name     string
	uid, gid uint32
	home     string
}

// resolve finds out whom a process runs as, by the files of the container whose root the caller's thread has, and their home folder.
func (p *Process) resolve() (User, string, error) {
	passwd, _ := readIn("/etc/passwd", maxAccounts)
	group, _ := readIn("/etc/group", maxAccounts)
	return p.identity(string(passwd), string(group))
}

// identity is resolve without files.
func (p *Process) identity(passwd, group string) (User, string, error) {
	u := p.User
	name, groupName, _ := strings.Cut(p.Name, ":")
	var who account
	if p.Name == "" {
		who = find(passwd, func(a account) bool { return a.uid == u.UID })
	} else {
		id, numeric := number(name)
		who = find(passwd, func(a account) bool { return a.name == name || (numeric && a.uid == id) })
		switch {
		case who.name != "":
			u.UID = who.uid
		case numeric:
			u.UID = id
		default:
			return u, "", fmt.Errorf("unable to find user %s: no matching entries in passwd file", name)
		}
	}
	switch gid, numeric := number(groupName); {
	case u.HasGID:
	case groupName == "":
		u.GID = who.gid // root's where there is no such account
	case numeric:
		u.GID = gid
	default:
		gid, ok := groupID(group, groupName)
		if !ok {
			return u, "", fmt.Errorf("unable to find group %s: no matching entries in group file", groupName)
		}
		u.GID = gid
	}
	u.Groups = slices.Clone(u.Groups)
	if !p.Strict && who.name != "" {
		u.Groups = append(u.Groups, memberships(group, who.name)...)
	}
	u.Groups = append(u.Groups, u.GID)
	slices.Sort(u.Groups)
	u.Groups = slices.Compact(u.Groups)
	home := who.home
	if home == "" {
		home = "/"
	}
	return u, home, nil
}

// number reads an id.
func number(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	return uint32(n), err == nil
}

// find is the first account in a passwd file for which is holds.
func find(passwd string, is func(account) bool) account {
	for line := range strings.Lines(passwd) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 6 {
			continue
		}
		uid, ok1 := number(f[2])
		gid, ok2 := number(f[3])
		if a := (account{f[0], uid, gid, f[5]}); ok1 && ok2 && a.name != "" && is(a) {
			return a
		}
	}
	return account{}
}

// groupID finds a group by its name.
func groupID(group, name string) (uint32, bool) {
	for line := range strings.Lines(group) {
		if f := strings.Split(strings.TrimSpace(line), ":"); len(f) >= 3 && f[0] == name {
			return number(f[2])
		}
	}
	return 0, false
}

// memberships are the groups whose list has a user.
func memberships(group, user string) []uint32 {
	var ids []uint32
	for line := range strings.Lines(group) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 4 || !slices.Contains(strings.Split(f[3], ","), user) {
			continue
		}
		if id, ok := number(f[2]); ok {
			ids = append(ids, id)
		}
	}
	return ids
}
