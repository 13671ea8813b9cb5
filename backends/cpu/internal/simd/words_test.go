package simd

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"kith/internal/testflag"
)

// Instructions that the assembler does not know are words in the text, each beside what it means: a
// disassembler must read the same.
func TestWordsMeanWhatTheySay(t *testing.T) {
	objdump, err := exec.LookPath("aarch64-linux-gnu-objdump")
	if err != nil {
		testflag.Need(t, "objdump", "install binutils-aarch64-linux-gnu")
	}
	text, err := os.ReadFile("neon_arm64.s")
	if err != nil {
		t.Fatal(err)
	}
	var code []byte
	var meant []string
	seen := map[string]bool{}
	words := regexp.MustCompile(`(?m)^\tWORD \$0x(\w{8}) // (.+)$`).FindAllStringSubmatch(string(text), -1)
	for _, m := range words {
		if seen[m[0]] {
			continue
		}
		seen[m[0]] = true
		w, err := strconv.ParseUint(m[1], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		code, meant = binary.LittleEndian.AppendUint32(code, uint32(w)), append(meant, m[2])
	}
	if all := strings.Count(string(text), "\tWORD"); all == 0 || len(words) != all {
		t.Fatalf("%d words, %d with what they mean beside them", all, len(words))
	}
	file := filepath.Join(t.TempDir(), "words")
	if err := os.WriteFile(file, code, 0o666); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(objdump, "-D", "-b", "binary", "-m", "aarch64", file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	read := regexp.MustCompile(`(?m)^ +\w+:\t(\w{8}) \t(.+)$`).FindAllStringSubmatch(string(out), -1)
	if len(read) != len(meant) {
		t.Fatalf("%d instructions read, want %d", len(read), len(meant))
	}
	for i, m := range read {
		if got := strings.Join(strings.Fields(m[2]), " "); got != meant[i] {
			t.Errorf("%s is %q, want %q", m[1], got, meant[i])
		}
	}
}
