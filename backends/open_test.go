package backends_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"kith/backends"
	"kith/backends/cpu"
	_ "kith/internal/testflag" // for go test ./... -long
	"kith/tensor"
)

func TestOpen(t *testing.T) {
	best := cpu.Levels()[len(cpu.Levels())-1]
	for name, want := range map[string]string{
		"cpu":                "cpu:" + best,
		"cpu:generic":        "cpu:generic",
		"cpu:generic,strict": "cpu:generic,strict",
		"cpu,strict":         "cpu:" + best + ",strict",
		"ref":                "ref",
		"ref:round":          "ref:round",
	} {
		b, err := backends.Open(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if b.Name() != want {
			t.Errorf("%s opens %s, want %s", name, b.Name(), want)
		}
		if c, ok := tensor.As[io.Closer](b); ok {
			if err := c.Close(); err != nil {
				t.Errorf("%s: close: %v", name, err)
			}
		}
	}
}

// An unknown name is an error that shows the known ones, and no backend at all.
func TestOpenFails(t *testing.T) {
	for name, want := range map[string]string{
		"":           `unknown backend ""; there are cpu, ref`,
		"gpu":        `unknown backend "gpu"; there are cpu, ref`,
		"ref:strict": `ref has no "strict", only round`,
	} {
		b, err := backends.Open(name)
		if err == nil || err.Error() != want {
			t.Errorf("%q: error %v, want %s", name, err, want)
		}
		if b != nil {
			t.Errorf("%q: a backend beside an error", name)
		}
	}
	if b, err := backends.Open("cpu:sse"); err == nil || b != nil {
		t.Errorf("cpu:sse: backend %v, error %v", b, err)
	}
	if _, err := backends.Open("tpu"); !errors.Is(err, backends.ErrUnknown) {
		t.Errorf("tpu: %v is not ErrUnknown", err)
	}
}

func ExampleOpen() {
	b, err := backends.Open("ref:round")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(b.Name())
	// Output: ref:round
}
