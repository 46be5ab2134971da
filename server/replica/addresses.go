package replica

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/petcd/petcd/server/membership"
)

// addressesFile holds an addressBook. It is a sealed file.
const addressesFile = "addresses"

// addressBook is what a member keeps beside its log and its state, for a start that can't read one of them: who it is, and where
// the others are. The flags can't say that: they may still name those who founded the cluster.
type addressBook struct {
	MemberID  uint64               `json:"member_id"`
	ClusterID uint64               `json:"cluster_id"`
	Members   []*membership.Member `json:"members"`
	// RegainVote is identity's, which goes with the log: a learner that had a vote may lose its log again.
	RegainVote bool `json:"regain_vote,omitempty"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// self is the member whose book it is, nil when it isn't in it.
func (b *addressBook) self() *membership.Member {
	i := slices.IndexFunc(b.Members, func(m *membership.Member) bool { return m.ID == b.MemberID })
	if i < 0 {
		return nil
	}
	return b.Members[i]
}

// seal is the content of a sealed file: a line of JSON, and in a second line the CRC-32C of the first in hexadecimal digits.
func seal(v any) ([]byte, error) {
	line, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("replica: encode %T: %w", v, err)
	}
	return fmt.Appendf(line, "\n%08x\n", crc32.Checksum(line, castagnoli)), nil
}

// unseal reads a sealed file's content; false when it is damaged.
func unseal(content []byte, v any) bool {
	line, sum, _ := bytes.Cut(content, []byte("\n"))
	return string(sum) == fmt.Sprintf("%08x\n", crc32.Checksum(line, castagnoli)) && json.Unmarshal(line, v) == nil
}

// addresses reads the book; nil when there is none that can be read.
func (d *dataDir) addresses() *addressBook {
	content, err := d.read(addressesFile)
	b := &addressBook{}
	if err != nil || !unseal(content, b) {
		return nil
	}
	return b
}

// keepAddresses keeps the book current, until ctx ends.
func (r *Replica) keepAddresses(ctx context.Context) {
	var written []byte
	for {
		book := addressBook{MemberID: r.cluster.LocalID(), ClusterID: r.cluster.ID(), Members: r.cluster.Members()}
		if me := book.self(); me == nil || me.IsLearner { // nil: the entry that adds it hasn't come yet
			book.RegainVote = r.regain
		}
		content, err := seal(book)
		if err == nil && len(book.Members) > 0 && !bytes.Equal(content, written) {
			if err = r.dir.write(addressesFile, content); err == nil {
				written = content
			}
		}
		if err != nil {
			r.logger.Warn("could not write down the members' addresses", "error", err)
		}
		select {
		case <-r.moved:
		case <-ctx.Done():
			return
		}
	}
}

// noteMove tells keepAddresses that the members changed. It never blocks.
func (r *Replica) noteMove() {
	select {
	case r.moved <- struct{}{}:
	default:
	}
}

// otherAddresses are the peer URLs of the other members, as far as they can be known without the state: those in the book, those
// that the member began with, and those in its flags.
func (r *Replica) otherAddresses(book *addressBook, id *identity) (urls []string) {
	var members []*membership.Member
	if book != nil {
		members = book.Members
	}
	if id != nil {
		for _, list := range []json.RawMessage{id.Founders, id.Peers} {
			var more []*membership.Member
			if json.Unmarshal(list, &more) == nil {
				members = append(members, more...)
			}
		}
	}
	mine := r.flagURLs()
	for _, m := range members {
		if book != nil && m.ID == book.MemberID || id != nil && m.ID == id.MemberID {
			mine = append(mine, m.PeerURLs...)
		} else {
			urls = append(urls, m.PeerURLs...)
		}
	}
	for name, u := range r.cfg.Member.InitialCluster {
		if name != r.cfg.Member.Name {
			urls = append(urls, u.StringSlice()...)
		}
	}
	slices.Sort(urls)
	return slices.DeleteFunc(slices.Compact(urls), func(u string) bool { return slices.Contains(mine, u) })
}

// read reads a small file beside log and state. It fails with os.ErrNotExist when there is none.
func (d *dataDir) read(name string) ([]byte, error) {
	f, err := d.fs.Open(d.fs.PathJoin(d.member, name))
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(f, 1<<20))
	return content, errors.Join(err, f.Close())
}

// write makes a small file beside log and state, durably: it is there whole, or as it was.
func (d *dataDir) write(name string, content []byte) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("replica: write %s: %w", name, err)
		}
	}()
	path := d.fs.PathJoin(d.member, name)
	f, err := d.fs.Create(path+".tmp", vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := d.fs.Rename(path+".tmp", path); err != nil {
		return err
	}
	return syncDir(d.fs, d.member)
}

// remove removes a small file beside log and state, durably; none is fine.
func (d *dataDir) remove(name string) error {
	if err := d.fs.Remove(d.fs.PathJoin(d.member, name)); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return fmt.Errorf("replica: remove %s: %w", name, err)
	}
	return syncDir(d.fs, d.member)
}
