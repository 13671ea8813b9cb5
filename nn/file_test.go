package nn

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kith/backends/ref"
	"kith/tensor"
	"kith/tensor/rng"
)

func newTiny(t *testing.T, seed uint64) *ResNet {
	t.Helper()
	m, err := NewResNet("resnet-tiny", Cifar, false)
	if err != nil {
		t.Fatal(err)
	}
	Init(m, tensor.Open(ref.Round()), rng.New(seed))
	return m
}

func elements(t *testing.T, m any) (all []float32) {
	t.Helper()
	for _, p := range Tensors(m) {
		v, err := tensor.Data[float32](p.Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v...)
	}
	return all
}

func TestSaveLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	a, b := newTiny(t, 1), newTiny(t, 2)
	if err := Save(path, a); err != nil {
		t.Fatal(err)
	}
	if slices.Equal(elements(t, a), elements(t, b)) {
		t.Fatal("other seeds give the same model")
	}
	if err := Load(path, b); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(elements(t, a), elements(t, b)) {
		t.Error("loaded model differs")
	}
	other, _ := NewResNet("resnet18", Cifar, false)
	Init(other, tensor.Open(ref.Round()), rng.New(1))
	if err := Load(path, other); err == nil {
		t.Error("a model of another shape was loaded")
	}
}

// Snapshot and Restore write and read the same bytes as Save and Load.
func TestSnapshot(t *testing.T) {
	a, b := newTiny(t, 1), newTiny(t, 2)
	write, size, err := Snapshot(Tensors(a))
	if err != nil {
		t.Fatal(err)
	}
	want := elements(t, a)
	tensor.Set(a.BN1.Bias.Value, slices.Repeat([]float32{9}, 16)) // after the snapshot
	var file bytes.Buffer
	if err := write(&file); err != nil || int64(file.Len()) != size {
		t.Fatalf("%d bytes, want %d: %v", file.Len(), size, err)
	}
	if err := Restore(bytes.NewReader(file.Bytes()), size, Tensors(b)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(elements(t, b), want) {
		t.Error("restored model is not the one of the snapshot")
	}
}

func TestTorchRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	a, b := newTiny(t, 1), newTiny(t, 2)
	if err := SaveTorch(path, a, "kith test", 12); err != nil {
		t.Fatal(err)
	}
	m, err := LoadTorch(path, b, 0.9)
	if err != nil || len(m.Missing) > 0 || len(m.Unused) > 0 {
		t.Fatalf("%+v: %v", m, err)
	}
	if !slices.Equal(elements(t, a), elements(t, b)) {
		t.Error("loaded model differs")
	}
	var file bytes.Buffer
	if err := WriteTorch(&file, a, "kith test", 12); err != nil {
		t.Fatal(err)
	}
	if onDisk, _ := os.ReadFile(path); !bytes.Equal(onDisk, file.Bytes()) {
		t.Error("WriteTorch and SaveTorch differ")
	}
}

// Filters change from [k,r,s,c] to [k,c,r,s].
func TestFilterLayout(t *testing.T) {
	// k=1, rs=2, c=3: element (rs, c) is 10·rs + c.
	got := swapFilters([]float32{0, 1, 2, 10, 11, 12}, 1, 2, 3)
	if want := []float32{0, 10, 1, 11, 2, 12}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A file of another network is refused, and changes nothing.
func TestLoadTorchRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	if err := SaveTorch(path, newTiny(t, 1), "kith test", 0); err != nil {
		t.Fatal(err)
	}
	other, _ := NewResNet("resnet18", Cifar, false)
	Init(other, tensor.Open(ref.Round()), rng.New(1))
	before := elements(t, other)
	if _, err := LoadTorch(path, other, 0.9); err == nil || !strings.Contains(err.Error(), "conv1.weight is [16 3 3 3]") {
		t.Errorf("got %v", err)
	}
	small := newTiny(t, 3)
	deeper := &struct {
		ResNet *ResNet
		Extra  *Linear
	}{small, NewLinear(3, 3, true)}
	Init(deeper, tensor.Open(ref.Round()), rng.New(1))
	if _, err := LoadTorch(path, deeper, 0.9); err == nil {
		t.Error("a file without any of the names was taken")
	}
	if !slices.Equal(before, elements(t, other)) {
		t.Error("a refused file changed the model")
	}
}
