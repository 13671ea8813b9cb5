package data_test

import (
	"fmt"

	"kith/nnclr/data"
	"kith/tensor/rng"
)

// Open a source, choose an augmentation, and loop over batches of two views.
func Example() {
	sets, err := data.Open([]string{"builtin:patches"}, data.Options{})
	if err != nil {
		panic(err)
	}
	views, err := data.Preset("demo", 32)
	if err != nil {
		panic(err)
	}
	loader := &data.Loader{Data: sets.Train, Views: views, Size: 256, Workers: 2, Key: rng.New(0)}
	for batch, err := range loader.Epoch(0, 0) {
		if err != nil {
			panic(err)
		}
		fmt.Println("step", batch.Step, "of", loader.Steps(), "views", len(batch.Views), "values each", len(batch.Views[0]))
		break
	}
	// Output: step 0 of 32 views 2 values each 786432
}

// A source with splits trains on one and scores on another; # would choose.
func ExampleOpen() {
	sets, err := data.Open([]string{"builtin:patches"}, data.Options{})
	if err != nil {
		panic(err)
	}
	fmt.Println(sets.Train.Len(), sets.Score.Len(), len(sets.Classes))
	_, err = data.Open([]string{"builtin:patches#val"}, data.Options{})
	fmt.Println(err)
	// Output:
	// 8400 2040 12
	// builtin:patches#val: no split "val"; there are test, train
}

// The draws of a view depend on its key alone.
func ExampleView_Draw() {
	views, err := data.Preset("byol", 224)
	if err != nil {
		panic(err)
	}
	seed := rng.New(1).Fold("augment")
	draw := views[1].Draw(seed.At(3).At(1234).At(1), 500, 375) // epoch, image, view
	fmt.Println(draw == views[1].Draw(seed.At(3).At(1234).At(1), 500, 375))
	// Output: true
}

// Scale is Pillow's Image.resize.
func ExampleScale() {
	p := &data.Picture{Pix: []byte{0, 0, 0, 255, 255, 255}, W: 2, H: 1}
	fmt.Println(data.Scale(p, data.Bilinear, 4, 1).Pix)
	// Output: [0 0 0 64 64 64 191 191 191 255 255 255]
}

// A Loader yields whole batches of an epoch; All yields every image once.
func ExampleLoader() {
	patches, err := data.Patches("test")
	if err != nil {
		panic(err)
	}
	loader := &data.Loader{
		Data: patches, Size: 512,
		Views: []data.View{data.EvalView(patches, 32, data.Bicubic, data.ImageNet)},
	}
	fmt.Println(patches.Len(), loader.Steps())
	// Output: 2040 3
}
