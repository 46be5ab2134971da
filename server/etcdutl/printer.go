package etcdutl

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	humanize "github.com/dustin/go-humanize"

	"github.com/petcd/petcd/server/backup"
)

// reply is a result in the shapes that the formats need.
type reply struct {
	raw    any // for json
	fields []field
	header []string // for table
	row    []string // for table and simple
}

// field is a line of the fields format.
type field struct {
	name  string
	value any
}

// statusReply is the result of `snapshot status`.
func statusReply(s backup.Status) reply {
	return reply{
		raw: s,
		fields: []field{
			{"Hash", s.Hash}, {"Revision", s.Revision}, {"Keys", s.TotalKey}, {"Size", s.TotalSize}, {"Version", s.Version},
		},
		header: []string{"hash", "revision", "total keys", "total size", "version"},
		row: []string{
			strconv.FormatUint(uint64(s.Hash), 16), strconv.FormatInt(s.Revision, 10), strconv.Itoa(s.TotalKey),
			humanize.Bytes(uint64(s.TotalSize)), s.Version,
		},
	}
}

// hashReply is the result of `hashkv`.
func hashReply(h backup.HashKV) reply {
	return reply{
		raw: h,
		fields: []field{
			{"Hash", h.Hash}, {"Hash revision", h.HashRevision}, {"Compact revision", h.CompactRevision},
		},
		header: []string{"hash", "hash revision", "compact revision"},
		row: []string{
			strconv.FormatUint(uint64(h.Hash), 10), strconv.FormatInt(h.HashRevision, 10), strconv.FormatInt(h.CompactRevision, 10),
		},
	}
}

// printer shows results in the format that -w names. protobuf has no message for any of them.
func (u *utl) printer() (func(reply) error, error) {
	switch u.flags.format {
	case "simple":
		return u.simple, nil
	case "json":
		return u.json, nil
	case "fields":
		return u.fields, nil
	case "table":
		return u.table, nil
	case "protobuf":
		return func(reply) error {
			return &exit{exitBadFeature, errors.New("protobuf not supported as output format")}
		}, nil
	}
	return nil, &exit{exitBadFeature, errors.New("unsupported output format")}
}

func (u *utl) simple(r reply) error {
	_, err := fmt.Fprintln(u.Stdout, strings.Join(r.row, ", "))
	return err
}

func (u *utl) json(r reply) error {
	b, err := json.Marshal(r.raw)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(u.Stdout, string(b))
	return err
}

func (u *utl) fields(r reply) error {
	var b strings.Builder
	for _, f := range r.fields {
		fmt.Fprintf(&b, "%q : %v\n", f.name, f.value)
	}
	_, err := fmt.Fprint(u.Stdout, b.String())
	return err
}

// table draws a box: headings in capitals and centered, cells to the right.
func (u *utl) table(r reply) error {
	widths := make([]int, len(r.header))
	for i, h := range r.header {
		widths[i] = max(len(h), len(r.row[i]))
	}
	var b strings.Builder
	rule := func(left, middle, right string) {
		for i, w := range widths {
			b.WriteString(left)
			b.WriteString(strings.Repeat("─", w+2))
			if left = middle; i == len(widths)-1 {
				b.WriteString(right + "\n")
			}
		}
	}
	rule("┌", "┬", "┐")
	for i, h := range r.header {
		free := widths[i] - len(h)
		fmt.Fprintf(&b, "│ %s%s%s ", strings.Repeat(" ", free/2), strings.ToUpper(h), strings.Repeat(" ", free-free/2))
	}
	b.WriteString("│\n")
	rule("├", "┼", "┤")
	for i, cell := range r.row {
		fmt.Fprintf(&b, "│ %*s ", widths[i], cell)
	}
	b.WriteString("│\n")
	rule("└", "┴", "┘")
	_, err := fmt.Fprint(u.Stdout, b.String())
	return err
}
