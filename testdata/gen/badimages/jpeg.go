package badimages

import (
	"bytes"
	"encoding/binary"
	"math"
)

// A plane is one component of a JPEG, as 8-bit samples. It covers the picture with h×v samples per
// minimum coded unit.
type plane struct {
	h, v int
	at   func(x, y int) byte // in samples of this plane
}

// jpegForm says how encodeJPEG writes.
type jpegForm struct {
	progressive bool
	adobe       int // color transform of an Adobe marker; -1: none
	orientation int // EXIF; 0: none
}

// encodeJPEG writes the JPEGs that the standard library cannot: any sampling, four components,
// progressive. It is simple and not small: flat quantization, and Huffman codes of one length each.
func encodeJPEG(w, h int, planes []plane, f jpegForm) []byte {
	var b bytes.Buffer
	b.WriteString("\xff\xd8")
	if f.adobe >= 0 {
		segment(&b, 0xee, append([]byte("Adobe\x00\x64\x00\x00\x00\x00"), byte(f.adobe)))
	}
	if f.orientation > 0 {
		segment(&b, 0xe1, append([]byte("Exif\x00\x00"), exif(f.orientation)...))
	}
	quant := bytes.Repeat([]byte{step}, 65)
	quant[0] = 0
	segment(&b, 0xdb, quant)
	sof := []byte{8, byte(h >> 8), byte(h), byte(w >> 8), byte(w), byte(len(planes))}
	for i, p := range planes {
		sof = append(sof, byte(i+1), byte(p.h<<4|p.v), 0)
	}
	marker := byte(0xc0)
	if f.progressive {
		marker = 0xc2
	}
	segment(&b, marker, sof)
	segment(&b, 0xc4, huffmanTables())
	e := newEncoder(w, h, planes)
	if !f.progressive {
		e.scan(&b, all(len(planes)), 0, 63)
	} else {
		e.scan(&b, all(len(planes)), 0, 0)
		for i := range planes {
			e.scan(&b, []int{i}, 1, 63)
		}
	}
	b.WriteString("\xff\xd9")
	return b.Bytes()
}

const step = 8 // of the quantization

func all(n int) (list []int) {
	for i := range n {
		list = append(list, i)
	}
	return list
}

func segment(b *bytes.Buffer, marker byte, content []byte) {
	b.Write([]byte{0xff, marker})
	binary.Write(b, binary.BigEndian, uint16(len(content)+2))
	b.Write(content)
}

// huffmanTables gives the 12 sizes of DC 4 bits each, and the 162 symbols of AC 8 bits each: code k
// of a table stands for its symbol k.
func huffmanTables() (t []byte) {
	var counts [16]byte
	counts[3] = 12
	t = append(append(t, 0x00), counts[:]...)
	for i := range 12 {
		t = append(t, byte(i))
	}
	counts = [16]byte{7: 162}
	t = append(append(t, 0x10), counts[:]...)
	return append(t, acSymbols()...)
}

// acSymbols are run<<4|size, end of block and a run of 16.
func acSymbols() (s []byte) {
	for run := range 16 {
		for size := 1; size <= 10; size++ {
			s = append(s, byte(run<<4|size))
		}
	}
	return append(s, 0x00, 0xf0)
}

type encoder struct {
	w, h       int
	planes     []plane
	maxH, maxV int
	blocks     []map[[2]int][64]int // per plane: coefficients in zigzag order
	code       map[byte]int         // of AC symbols
	bits       uint64
	n          int
}

func newEncoder(w, h int, planes []plane) *encoder {
	e := &encoder{w: w, h: h, planes: planes, code: make(map[byte]int)}
	for i, s := range acSymbols() {
		e.code[s] = i
	}
	for _, p := range planes {
		e.maxH, e.maxV = max(e.maxH, p.h), max(e.maxV, p.v)
		e.blocks = append(e.blocks, make(map[[2]int][64]int))
	}
	return e
}

// block is the transformed block (bx, by) of plane p.
func (e *encoder) block(p, bx, by int) [64]int {
	key := [2]int{bx, by}
	c, ok := e.blocks[p][key]
	if !ok {
		c = transform(func(x, y int) byte { return e.planes[p].at(bx*8+x, by*8+y) })
		e.blocks[p][key] = c
	}
	return c
}

// transform is the discrete cosine transform, quantized, in zigzag order.
func transform(at func(x, y int) byte) (out [64]int) {
	i := 0
	for diagonal := range 15 {
		for k := max(0, diagonal-7); k <= min(diagonal, 7); k++ {
			u, v := k, diagonal-k
			if diagonal%2 == 1 {
				u, v = v, u
			}
			s := 0.0
			for y := range 8 {
				for x := range 8 {
					s += (float64(at(x, y)) - 128) * cosine(x, u) * cosine(y, v)
				}
			}
			out[i] = int(math.Round(s / 4 / step))
			i++
		}
	}
	return out
}

func cosine(x, u int) float64 {
	c := math.Cos(float64(2*x+1) * float64(u) * math.Pi / 16)
	if u == 0 {
		return c / math.Sqrt2
	}
	return c
}

// scan writes coefficients from to to of some planes.
func (e *encoder) scan(b *bytes.Buffer, list []int, from, to int) {
	sos := []byte{byte(len(list))}
	for _, p := range list {
		sos = append(sos, byte(p+1), 0)
	}
	segment(b, 0xda, append(sos, byte(from), byte(to), 0))
	last := make([]int, len(e.planes))
	put := func(p, bx, by int) {
		c := e.block(p, bx, by)
		if from == 0 {
			size, bits := magnitude(c[0] - last[p])
			last[p] = c[0]
			e.put(b, size, 4)
			e.put(b, bits, size)
		}
		if to > 0 {
			e.ac(b, c[max(1, from):to+1])
		}
	}
	if len(list) == 1 && len(e.planes) > 1 {
		p := e.planes[list[0]] // alone, a plane has only the blocks that it needs
		for by := range ceil(e.h*p.v, 8*e.maxV) {
			for bx := range ceil(e.w*p.h, 8*e.maxH) {
				put(list[0], bx, by)
			}
		}
		e.flush(b)
		return
	}
	for my := range ceil(e.h, 8*e.maxV) {
		for mx := range ceil(e.w, 8*e.maxH) {
			for _, p := range list {
				for y := range e.planes[p].v {
					for x := range e.planes[p].h {
						put(p, mx*e.planes[p].h+x, my*e.planes[p].v+y)
					}
				}
			}
		}
	}
	e.flush(b)
}

func ceil(a, b int) int { return (a + b - 1) / b }

// ac writes runs of zeros and values.
func (e *encoder) ac(b *bytes.Buffer, c []int) {
	run := 0
	for _, v := range c {
		if v == 0 {
			run++
			continue
		}
		for ; run > 15; run -= 16 {
			e.put(b, e.code[0xf0], 8)
		}
		size, bits := magnitude(v)
		e.put(b, e.code[byte(run<<4|size)], 8)
		e.put(b, bits, size)
		run = 0
	}
	if run > 0 {
		e.put(b, e.code[0x00], 8)
	}
}

// magnitude is the number of bits of v, and those bits, negative ones in one's complement.
func magnitude(v int) (size, bits int) {
	a := max(v, -v)
	for a>>size > 0 {
		size++
	}
	if v < 0 {
		return size, v - 1 + 1<<size
	}
	return size, v
}

func (e *encoder) put(b *bytes.Buffer, bits, n int) {
	e.bits, e.n = e.bits<<n|uint64(bits), e.n+n
	for ; e.n >= 8; e.n -= 8 {
		c := byte(e.bits >> (e.n - 8))
		b.WriteByte(c)
		if c == 0xff {
			b.WriteByte(0) // a marker would begin here
		}
	}
}

// flush fills the last byte with ones.
func (e *encoder) flush(b *bytes.Buffer) {
	if e.n > 0 {
		e.put(b, 1<<(8-e.n)-1, 8-e.n)
	}
	e.bits, e.n = 0, 0
}

// exif is a TIFF structure with one tag, the orientation.
func exif(orientation int) []byte {
	return []byte{'M', 'M', 0, '*', 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, byte(orientation), 0, 0, 0, 0, 0, 0}
}
