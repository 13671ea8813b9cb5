//go:build nogpu || !((linux || darwin || freebsd) && (amd64 || arm64))

// Package turbojpeg decodes JPEGs with libjpeg-turbo, which this build does not open.
package turbojpeg

import "errors"

var errAbsent = errors.New("turbojpeg: not in this build")

// ErrColors says that an image has colors that the library does not turn into RGB.
var ErrColors = errors.New("turbojpeg: CMYK")

// Available says that the library is not in this build.
func Available() error { return errAbsent }

// Decode fails.
func Decode([]byte, func(w, h int) ([]byte, error)) error { return errAbsent }
