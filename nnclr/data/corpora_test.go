package data

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kith/internal/testflag"
)

// TestLibraryImages decodes the images with which the standard library and golang.org/x/image test
// their codecs, damaged ones among them: each gives a picture or an error, and most a picture.
func TestLibraryImages(t *testing.T) {
	tool, err := exec.LookPath("go")
	if err != nil {
		testflag.Need(t, "sources", err.Error())
	}
	ask := func(arg ...string) string {
		out, err := exec.Command(tool, arg...).Output()
		if err != nil {
			testflag.Need(t, "sources", err.Error())
		}
		return strings.TrimSpace(string(out))
	}
	roots := []string{
		filepath.Join(ask("env", "GOROOT"), "src", "image"),
		ask("list", "-m", "-f", "{{.Dir}}", "golang.org/x/image"),
	}
	tried, good := 0, 0
	var p Picture
	for _, root := range roots {
		fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !claims(path) {
				return nil
			}
			b, err := os.ReadFile(filepath.Join(root, path))
			if err != nil {
				return nil
			}
			tried++
			if err := Decode(b, Options{TIFF: true}, &p); err == nil {
				good++
			} else if strings.Contains(err.Error(), "panic") {
				t.Errorf("%s: %v", path, err)
			}
			return nil
		})
	}
	t.Logf("%d of %d images decode", good, tried)
	if tried < 50 || good < tried*3/4 {
		t.Errorf("%d of %d images decode", good, tried)
	}
}
