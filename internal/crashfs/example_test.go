package crashfs_test

import (
	"fmt"
	"io"

	"kith/internal/crashfs"
	"kith/internal/fsys"
)

// What a power cut may leave of a file that was written but not synced.
func Example() {
	disk := crashfs.New()
	f, err := disk.Create("a")
	if err != nil {
		panic(err)
	}
	io.WriteString(f, "abcd")
	disk.SyncDir(".") // the name is safe now, the contents are not
	for after := range disk.Crashes(100, 0, 0) {
		b, err := fsys.ReadFile(after, "a", 10)
		fmt.Printf("%q %v\n", b, err)
	}
	// Output:
	// "" <nil>
	// "ab" <nil>
	// "abcd" <nil>
	// "\x00\x00\x00\x00" <nil>
}

// A call that fails when it is told to.
func ExampleFaulty() {
	disk := &crashfs.Faulty{FS: crashfs.New(), N: 2, Err: fmt.Errorf("no space left")}
	f, err := disk.Create("a")
	fmt.Println(err)
	_, err = f.Write([]byte("abcd"))
	fmt.Println(err)
	fmt.Println(disk.Hit)
	// Output:
	// <nil>
	// write a: no space left
	// Write a
}
