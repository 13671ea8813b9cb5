package truth

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// Reads as much of ONNX's protobuf files as node tests need. Field numbers are those of
// onnx.proto3; packed and unpacked repeated fields both occur.

// A message is a protobuf message taken apart: all values of each field, in order.
type message map[protowire.Number][]field

// A field is a number (varint, fixed32, fixed64) or bytes.
type field struct {
	number uint64
	bytes  []byte
}

func parse(b []byte) (message, error) {
	m := message{}
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		b = b[n:]
		var f field
		switch kind {
		case protowire.VarintType:
			f.number, n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(b)
			f.number = uint64(v)
		case protowire.Fixed64Type:
			f.number, n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(b)
		default:
			return nil, fmt.Errorf("field %d has wire type %d", num, kind)
		}
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		b = b[n:]
		m[num] = append(m[num], f)
	}
	return m, nil
}

func (m message) int(num protowire.Number) int64 {
	if len(m[num]) == 0 {
		return 0
	}
	return int64(m[num][0].number)
}

func (m message) text(num protowire.Number) string {
	if len(m[num]) == 0 {
		return ""
	}
	return string(m[num][0].bytes)
}

func (m message) texts(num protowire.Number) (out []string) {
	for _, f := range m[num] {
		out = append(out, string(f.bytes))
	}
	return out
}

// ints are varints, one by one or packed.
func (m message) ints(num protowire.Number) (out []int64) {
	for _, f := range m[num] {
		if f.bytes == nil {
			out = append(out, int64(f.number))
			continue
		}
		for b := f.bytes; len(b) > 0; {
			v, n := protowire.ConsumeVarint(b)
			if n < 0 {
				return out
			}
			out, b = append(out, int64(v)), b[n:]
		}
	}
	return out
}

// floats are fixed32, one by one or packed.
func (m message) floats(num protowire.Number) (out []float64) {
	for _, f := range m[num] {
		if f.bytes == nil {
			out = append(out, float64(math.Float32frombits(uint32(f.number))))
			continue
		}
		for b := f.bytes; len(b) >= 4; b = b[4:] {
			out = append(out, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
		}
	}
	return out
}

// ONNX's element types that appear here.
const (
	onnxFloat  = 1
	onnxUint8  = 2
	onnxInt8   = 3
	onnxInt32  = 6
	onnxInt64  = 7
	onnxBool   = 9
	onnxDouble = 11
	onnxUint32 = 12
	onnxUint64 = 13
	onnxBF16   = 16
)

// array decodes a TensorProto: dims 1, data_type 2, float_data 4, int32_data 5, int64_data 7,
// raw_data 9, double_data 10, uint64_data 11.
func array(b []byte) (v value, kind int64, err error) {
	m, err := parse(b)
	if err != nil {
		return v, 0, err
	}
	v.shape, kind = []int{}, m.int(2)
	size := 1
	for _, d := range m.ints(1) {
		v.shape = append(v.shape, int(d))
		size *= int(d)
	}
	v.whole = kind != onnxFloat && kind != onnxDouble && kind != onnxBF16
	if raw := m[9]; len(raw) > 0 {
		v.data, err = decodeRaw(raw[0].bytes, kind)
	} else {
		v.data, err = decodeTyped(m, kind)
	}
	if err == nil && len(v.data) != size {
		err = fmt.Errorf("tensor of shape %v has %d elements", v.shape, len(v.data))
	}
	return v, kind, err
}

func decodeRaw(raw []byte, kind int64) (out []float64, err error) {
	le := binary.LittleEndian
	widths := map[int64]int{onnxFloat: 4, onnxUint8: 1, onnxInt8: 1, onnxInt32: 4, onnxInt64: 8, onnxBool: 1,
		onnxDouble: 8, onnxUint32: 4, onnxUint64: 8, onnxBF16: 2}
	w := widths[kind]
	if w == 0 {
		return nil, fmt.Errorf("element type %d is not read", kind)
	}
	for ; len(raw) >= w; raw = raw[w:] {
		var x float64
		switch kind {
		case onnxFloat:
			x = float64(math.Float32frombits(le.Uint32(raw)))
		case onnxDouble:
			x = math.Float64frombits(le.Uint64(raw))
		case onnxBF16:
			x = float64(math.Float32frombits(uint32(le.Uint16(raw)) << 16))
		case onnxInt8:
			x = float64(int8(raw[0]))
		case onnxUint8, onnxBool:
			x = float64(raw[0])
		case onnxInt32:
			x = float64(int32(le.Uint32(raw)))
		case onnxUint32:
			x = float64(le.Uint32(raw))
		case onnxInt64:
			x = float64(int64(le.Uint64(raw)))
		case onnxUint64:
			x = float64(le.Uint64(raw))
		}
		out = append(out, x)
	}
	return out, nil
}

func decodeTyped(m message, kind int64) (out []float64, err error) {
	var whole []int64
	switch kind {
	case onnxFloat:
		return m.floats(4), nil
	case onnxDouble:
		for _, f := range m[10] {
			for b := f.bytes; len(b) >= 8; b = b[8:] {
				out = append(out, math.Float64frombits(binary.LittleEndian.Uint64(b)))
			}
		}
		return out, nil
	case onnxBF16:
		for _, bits := range m.ints(5) {
			out = append(out, float64(math.Float32frombits(uint32(bits)<<16)))
		}
		return out, nil
	case onnxInt64:
		whole = m.ints(7)
	case onnxUint32, onnxUint64:
		whole = m.ints(11)
	case onnxInt32, onnxInt8, onnxUint8, onnxBool:
		whole = m.ints(5)
	default:
		return nil, fmt.Errorf("element type %d is not read", kind)
	}
	for _, x := range whole {
		out = append(out, float64(x))
	}
	return out, nil
}

// A nodeCase is one folder of ONNX's node tests.
type nodeCase struct {
	name  string
	nodes int
	op    string
	attr  map[string]message // AttributeProto: f 2, i 3, s 4, t 5, floats 7, ints 8
	opset int64
	in    []*value // nil where an optional input is left out
	out   []value
	kinds []int64 // element types of the inputs, then the outputs
}

// readCase reads model.onnx and data set 0. ModelProto: graph 7, opset_import 8 (version 2);
// GraphProto: node 1, input 11, output 12; NodeProto: input 1, output 2, op_type 4, attribute 5.
func readCase(dir string) (c nodeCase, err error) {
	c = nodeCase{name: filepath.Base(dir), attr: map[string]message{}}
	model, err := parseFile(filepath.Join(dir, "model.onnx"))
	if err != nil {
		return c, err
	}
	graph, err := parse([]byte(model.text(7)))
	if err != nil {
		return c, err
	}
	opset, err := parse([]byte(model.text(8)))
	if err != nil {
		return c, err
	}
	c.opset, c.nodes = opset.int(2), len(graph[1])
	if c.nodes != 1 {
		return c, nil
	}
	node, err := parse(graph[1][0].bytes)
	if err != nil {
		return c, err
	}
	c.op = node.text(4)
	for _, f := range node[5] {
		a, err := parse(f.bytes)
		if err != nil {
			return c, err
		}
		c.attr[a.text(1)] = a
	}
	return c, c.readData(dir, graph, node)
}

// readData reads the files; they follow the order of the graph's inputs, not of the node's.
func (c *nodeCase) readData(dir string, graph, node message) error {
	byName := map[string]*value{}
	for i, f := range graph[11] {
		info, err := parse(f.bytes)
		if err != nil {
			return err
		}
		v, kind, err := arrayFile(filepath.Join(dir, "test_data_set_0", "input_"+strconv.Itoa(i)+".pb"))
		if err != nil {
			return err
		}
		byName[info.text(1)] = &v
		c.kinds = append(c.kinds, kind)
	}
	for _, name := range node.texts(1) {
		c.in = append(c.in, byName[name])
	}
	for i := range graph[12] {
		v, kind, err := arrayFile(filepath.Join(dir, "test_data_set_0", "output_"+strconv.Itoa(i)+".pb"))
		if err != nil {
			return err
		}
		c.out, c.kinds = append(c.out, v), append(c.kinds, kind)
	}
	return nil
}

func parseFile(path string) (message, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parse(b)
}

func arrayFile(path string) (value, int64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return value{}, 0, err
	}
	return array(b)
}
