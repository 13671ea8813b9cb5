package safetensors_test

import (
	"bytes"
	"fmt"

	"kith/internal/format/safetensors"
)

func Example() {
	var b bytes.Buffer
	err := safetensors.Write(&b, map[string]string{"format": "pt"}, []safetensors.Entry{
		safetensors.Of("fc.weight", []int{2, 2}, []float32{1, 2, 3, 4}),
		safetensors.Of("steps", nil, []int64{7}),
	})
	if err != nil {
		fmt.Println(err)
	}
	f, err := safetensors.Read(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range f.Tensors() {
		fmt.Println(t)
	}
	w, err := safetensors.Values[float64](f, "fc.weight")
	fmt.Println(w, err)
	// Output:
	// "steps" I64[]
	// "fc.weight" F32[2 2]
	// [1 2 3 4] <nil>
}
