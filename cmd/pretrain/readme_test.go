package main

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"regexp"
	"strings"
	"testing"
)

// shell is a block of commands in the README.
var shell = regexp.MustCompile("(?s)```sh\n(.*?)```")

// TestReadme runs every pretrain command of the README in a folder that has what it names: those that train as far as
// a dry run goes, which trains three steps, all others to their end.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	t.Setenv("PRETRAIN_THREADS", "1")
	for _, class := range []string{"photos/cat", "photos/dog"} {
		mix(t, class, 20)
	}
	try(t, "photos", "--recipe", "demo", "--steps", "2", "--warmup", "1", "--batch", "8", "--queue", "16", "--name", "NAME")
	n := 0
	for _, b := range shell.FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(b[1]) {
			command, _, _ := strings.Cut(line, "  #")
			command = strings.TrimPrefix(strings.TrimSpace(command), "go run ./cmd/")
			args := strings.Fields(command)
			if len(args) == 0 || args[0] != "pretrain" {
				continue
			}
			n++
			if len(args) == 1 || !isCommand(args[1]) {
				args = append(args, "--dry-run")
			}
			try(t, args[1:]...)
		}
	}
	if n < 8 {
		t.Errorf("%d commands found in the README", n)
	}
}

func isCommand(word string) bool {
	for _, c := range newRoot().Commands() {
		if c.Name() == word {
			return true
		}
	}
	return false
}

// try runs a command and wants exit 0.
func try(t *testing.T, args ...string) {
	t.Helper()
	var out bytes.Buffer
	if code := run(t.Context(), args, &out, &out); code != 0 {
		t.Errorf("pretrain %s: exit %d\n%s", strings.Join(args, " "), code, out.String())
	}
}

// mix makes a folder of n pictures of one color each.
func mix(t *testing.T, dir string, n int) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		img := image.NewRGBA(image.Rect(0, 0, 40, 36))
		for y := range 36 {
			for x := range 40 {
				img.Set(x, y, color.RGBA{uint8(6 * i), uint8(x * y), uint8(250 - 5*i), 255})
			}
		}
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/"+string(rune('a'+i%26))+string(rune('a'+i/26))+".png", b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
