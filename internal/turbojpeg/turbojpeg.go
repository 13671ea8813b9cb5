//go:build !nogpu && (linux || darwin || freebsd) && (amd64 || arm64)

// Package turbojpeg decodes JPEGs with libjpeg-turbo, where that library is installed. It is opened
// at run time; without it, Open says what is missing. Its pixels equal Pillow's, and it decodes
// about four times as fast as the standard library.
package turbojpeg

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// The few names of turbojpeg.h that are used here, with their values in API version 1.
const (
	pixelRGB   = 0       // TJPF_RGB
	spaceCMYK  = 3       // TJCS_CMYK
	spaceYCCK  = 4       // TJCS_YCCK
	errWarning = 0       // TJERR_WARNING: the pixels are there
	limitScans = 1 << 15 // TJFLAG_LIMITSCANS: a small file may ask for thousands of passes
)

// library is the opened library.
type library struct {
	initDecompress func() uintptr
	header         func(handle uintptr, b *byte, n uint64, w, h, sampling, space *int32) int32
	decompress     func(handle uintptr, b *byte, n uint64, dst *byte, w, pitch, h, format, flags int32) int32
	errorString    func(handle uintptr) string
	errorCode      func(handle uintptr) int32
	destroy        func(handle uintptr) int32
	idle           chan uintptr // handles; one goroutine uses a handle at a time
}

var open = sync.OnceValues(func() (*library, error) {
	names := []string{"libturbojpeg.so.0"}
	if runtime.GOOS == "darwin" {
		names = []string{"libturbojpeg.0.dylib", "/opt/homebrew/lib/libturbojpeg.0.dylib"}
	}
	var lib uintptr
	var err error
	for _, name := range names {
		if lib, err = purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL); err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	l := &library{idle: make(chan uintptr, 2*runtime.GOMAXPROCS(0))}
	for name, f := range map[string]any{
		"tjInitDecompress": &l.initDecompress, "tjDecompressHeader3": &l.header,
		"tjDecompress2": &l.decompress, "tjGetErrorStr2": &l.errorString, "tjGetErrorCode": &l.errorCode,
		"tjDestroy": &l.destroy,
	} {
		symbol, err := purego.Dlsym(lib, name)
		if err != nil {
			return nil, err
		}
		purego.RegisterFunc(f, symbol)
	}
	return l, nil
})

// Available is nil if the library can be used, else the reason why not.
func Available() error {
	_, err := open()
	return err
}

// ErrColors says that an image has colors that the library does not turn into RGB.
var ErrColors = errors.New("turbojpeg: CMYK")

// Decode decodes b to 8-bit RGB. place is called once the size is known, and returns the memory for
// the w·h·3 bytes, or an error, which ends the decoding before any pixel is touched.
func Decode(b []byte, place func(w, h int) ([]byte, error)) (err error) {
	l, err := open()
	if err != nil {
		return err
	}
	if len(b) == 0 {
		return errors.New("turbojpeg: no bytes")
	}
	handle, err := l.take()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil { // an error may leave a handle in the middle of that image: the next would go on there
			l.destroy(handle)
			return
		}
		l.giveBack(handle)
	}()
	var w, h, sampling, space int32
	if l.header(handle, unsafe.SliceData(b), uint64(len(b)), &w, &h, &sampling, &space) != 0 {
		return l.fatal(handle) // whatever the code says: it is that of a warning where one came before the error
	}
	if w < 1 || h < 1 { // tables without an image are no error to the library
		return io.ErrUnexpectedEOF
	}
	if space == spaceCMYK || space == spaceYCCK {
		return ErrColors
	}
	dst, err := place(int(w), int(h))
	if err != nil {
		return err
	}
	if len(dst) < int(w)*int(h)*3 {
		return fmt.Errorf("turbojpeg: %d bytes for %d×%d pixels", len(dst), w, h)
	}
	clear(dst) // an error after a warning looks like a warning, and leaves rows unwritten
	if l.decompress(handle, unsafe.SliceData(b), uint64(len(b)), unsafe.SliceData(dst), w, 3*w, h, pixelRGB, limitScans) != 0 {
		return l.failure(handle)
	}
	return nil
}

// take returns an idle handle, or a new one.
func (l *library) take() (uintptr, error) {
	select {
	case handle := <-l.idle:
		return handle, nil
	default:
	}
	handle := l.initDecompress()
	if handle == 0 {
		return 0, errors.New("turbojpeg: no decoder")
	}
	return handle, nil
}

// giveBack keeps a handle for the next image, unless there are many.
func (l *library) giveBack(handle uintptr) {
	select {
	case l.idle <- handle:
	default:
		l.destroy(handle)
	}
}

// failure is the library's error. Damage that it could decode around is no error, as in the
// standard library; the end of the file before the end of the image is.
func (l *library) failure(handle uintptr) error {
	code := l.errorCode(handle)
	err := l.fatal(handle)
	if code == errWarning && err != io.ErrUnexpectedEOF {
		return nil
	}
	return err
}

// fatal is the library's error, as the standard library names it where the file ends early.
func (l *library) fatal(handle uintptr) error {
	text := l.errorString(handle)
	if strings.Contains(text, "Premature end") {
		return io.ErrUnexpectedEOF
	}
	return errors.New(text)
}
