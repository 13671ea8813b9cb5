package ref_test

import (
	"testing"

	"kith/backends/backendtest"
	"kith/backends/ref"
	_ "kith/internal/testflag" // for go test ./... -long
	"kith/tensor"
)

func TestExact(t *testing.T) {
	backendtest.Run(t, func() tensor.Backend { return ref.New() })
}

func TestRound(t *testing.T) {
	backendtest.Run(t, func() tensor.Backend { return ref.Round() })
}
