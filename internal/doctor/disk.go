package doctor

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"kith/internal/fsys"
)

// disk looks at the room for checkpoints: three of a ResNet-50 with its support set take 1.1 GB, and saving wants
// twice the size of the next one.
func disk(dir string) Finding {
	const want = 2 << 30
	dir = existing(dir)
	free, known := fsys.Free(fsys.OS{}, dir)
	if !known {
		return Finding{Absent, "disk", "free space of " + dir + " is unknown", ""}
	}
	text := fmt.Sprintf("%s free in %s", size(int(free)), dir)
	if free < want {
		return Finding{Trouble, "disk", text, "a ResNet-50 run keeps 1.1 GB of checkpoints; --out DIR writes elsewhere, --keep 1 keeps fewer"}
	}
	return Finding{OK, "disk", text, ""}
}

// locks writes a file and locks it: some mounted file systems can do neither, or only one.
func locks(dir string) Finding {
	dir = existing(dir)
	tmp, err := os.MkdirTemp(dir, ".kith-doctor-")
	if err != nil {
		return Finding{Trouble, "writing", err.Error(), "--out DIR writes elsewhere"}
	}
	defer os.RemoveAll(tmp)
	lock := flock.New(filepath.Join(tmp, "LOCK"))
	held, err := lock.TryLock()
	if err != nil || !held {
		return Finding{Trouble, "writing", fmt.Sprintf("%s takes files but no locks (%v)", dir, err), "two runs in one directory would not notice each other"}
	}
	if err := lock.Close(); err != nil {
		return Finding{Trouble, "writing", err.Error(), ""}
	}
	return Finding{OK, "writing", "files and locks work in " + dir, ""}
}
