package v2pb

import "google.golang.org/protobuf/encoding/protowire"

// The request is written and read by hand, because clients fill Path, Val and PrevValue with any bytes: API 2 asks no key
// or value to be UTF-8, and etcd's encoder never looked. The protobuf library refuses such strings.

// appendRequest appends the encoded request. Unlike etcd it leaves out what is 0 or empty, which reads the same.
func appendRequest(dst []byte, r *Request) []byte {
	dst = appendNumber(dst, 1, r.ID)
	dst = appendText(dst, 2, r.Method)
	dst = appendText(dst, 3, r.Path)
	dst = appendText(dst, 4, r.Val)
	dst = appendNumber(dst, 5, protowire.EncodeBool(r.Dir))
	dst = appendText(dst, 6, r.PrevValue)
	dst = appendNumber(dst, 7, r.PrevIndex)
	dst = appendOptional(dst, 8, r.PrevExist)
	dst = appendNumber(dst, 9, uint64(r.Expiration))
	dst = appendNumber(dst, 10, protowire.EncodeBool(r.Wait))
	dst = appendNumber(dst, 11, r.Since)
	dst = appendNumber(dst, 12, protowire.EncodeBool(r.Recursive))
	dst = appendNumber(dst, 13, protowire.EncodeBool(r.Sorted))
	dst = appendNumber(dst, 14, protowire.EncodeBool(r.Quorum))
	dst = appendNumber(dst, 15, uint64(r.Time))
	dst = appendNumber(dst, 16, protowire.EncodeBool(r.Stream))
	return appendOptional(dst, 17, r.Refresh)
}

// appendNumber appends a field that is absent when it is 0.
func appendNumber(dst []byte, field protowire.Number, v uint64) []byte {
	if v == 0 {
		return dst
	}
	return protowire.AppendVarint(protowire.AppendTag(dst, field, protowire.VarintType), v)
}

// appendOptional appends a field that is absent when it is nil.
func appendOptional(dst []byte, field protowire.Number, v *bool) []byte {
	if v == nil {
		return dst
	}
	return protowire.AppendVarint(protowire.AppendTag(dst, field, protowire.VarintType), protowire.EncodeBool(*v))
}

// appendText appends a field that is absent when it is empty.
func appendText(dst []byte, field protowire.Number, v string) []byte {
	if v == "" {
		return dst
	}
	return protowire.AppendString(protowire.AppendTag(dst, field, protowire.BytesType), v)
}

// decodeRequest is appendRequest's opposite. As in any message, of a field that is there twice the last one counts, and
// one that is unknown or of another type is passed over.
func decodeRequest(data []byte) (*Request, error) {
	r := &Request{}
	for len(data) > 0 {
		field, kind, tag := protowire.ConsumeTag(data)
		if tag < 0 {
			return nil, protowire.ParseError(tag)
		}
		data = data[tag:]
		size := protowire.ConsumeFieldValue(field, kind, data)
		if size < 0 {
			return nil, protowire.ParseError(size)
		}
		switch kind {
		case protowire.VarintType:
			v, _ := protowire.ConsumeVarint(data)
			r.setNumber(field, v)
		case protowire.BytesType:
			r.setText(field, data[:size])
		}
		data = data[size:]
	}
	return r, nil
}

// setNumber sets a field to a number or a truth.
func (r *Request) setNumber(field protowire.Number, v uint64) {
	yes := protowire.DecodeBool(v)
	switch field {
	case 1:
		r.ID = v
	case 5:
		r.Dir = yes
	case 7:
		r.PrevIndex = v
	case 8:
		r.PrevExist = new(yes)
	case 9:
		r.Expiration = int64(v)
	case 10:
		r.Wait = yes
	case 11:
		r.Since = v
	case 12:
		r.Recursive = yes
	case 13:
		r.Sorted = yes
	case 14:
		r.Quorum = yes
	case 15:
		r.Time = int64(v)
	case 16:
		r.Stream = yes
	case 17:
		r.Refresh = new(yes)
	}
}

// setText sets a field to a copy of the text that value holds after its length.
func (r *Request) setText(field protowire.Number, value []byte) {
	var to *string
	switch field {
	case 2:
		to = &r.Method
	case 3:
		to = &r.Path
	case 4:
		to = &r.Val
	case 6:
		to = &r.PrevValue
	default:
		return
	}
	*to, _ = protowire.ConsumeString(value)
}
