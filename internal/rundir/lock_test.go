package rundir

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

var hold = flag.String("hold", "", "for the process that TestLock starts: lock this run directory until killed")

// TestLockHelper is that process.
func TestLockHelper(t *testing.T) {
	if *hold == "" {
		t.Skip("started by TestLock only")
	}
	if _, err := Open(*hold, nil); err != nil {
		t.Fatal(err)
	}
	fmt.Println("\nlocked")
	io.Copy(io.Discard, os.Stdin) // until killed
}

// startHolder starts a process that locks the directory, and waits until it has.
func startHolder(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestLockHelper$", "-hold="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() == "locked" {
			return cmd
		}
	}
	t.Fatal("the helper did not lock")
	return nil
}

// Two real processes: the second is refused with the first one's number, and a killed one's lock is
// free at once.
func TestLock(t *testing.T) {
	d := mustMake(t)
	if err := d.SetStatus(Status{State: Running}); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if h, held := Held(d.Path); held {
		t.Errorf("held by %+v", h)
	}
	for range 2 {
		cmd := startHolder(t, d.Path)
		_, err := Open(d.Path, nil)
		var locked *LockedError
		if !errors.As(err, &locked) || locked.PID != cmd.Process.Pid {
			t.Fatalf("got %v, want a lock of process %d", err, cmd.Process.Pid)
		}
		host, _ := os.Hostname()
		want := fmt.Sprintf("%s is in use by process %d on host %s", d.Path, cmd.Process.Pid, host)
		if err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
		if h, held := Held(d.Path); !held || h.PID != cmd.Process.Pid {
			t.Errorf("Held is %+v, %v", h, held)
		}
		if s, err := ReadStatus(d.Path); err != nil || s.State != Running {
			t.Errorf("status %+v, %v", s, err)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		if s, err := ReadStatus(d.Path); err != nil || s.State != Interrupted {
			t.Errorf("status of a killed run is %+v, %v", s, err)
		}
	}
	again, err := Open(d.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if text := mustRead(t, again, "LOCK"); !strings.HasPrefix(text, fmt.Sprintf("pid %d\nhost ", os.Getpid())) {
		t.Errorf("LOCK holds %q", text)
	}
}

// The text in LOCK is advice: garbage in it locks nobody out and breaks no message.
func TestLockText(t *testing.T) {
	d := mustMake(t)
	if err := os.WriteFile(d.Join("LOCK"), []byte("pid x\n\xff\x00"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(d.Path, nil); err == nil || err.Error() != d.Path+" is in use by another process" {
		t.Errorf("got %v", err)
	}
	d.Close()
	if again, err := Open(d.Path, nil); err != nil {
		t.Error(err)
	} else {
		again.Close()
	}
	if _, held := Held(d.Path + "-none"); held {
		t.Error("a folder that does not exist is held")
	}
}

// While others keep looking at a lock, taking it still works.
func TestHeldDisturbsNobody(t *testing.T) {
	d := mustMake(t)
	d.Close()
	stop, done := make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				Held(d.Path)
			}
		}
	}()
	for range 50 {
		again, err := Open(d.Path, nil)
		if err != nil {
			t.Error(err)
			break
		}
		again.Close()
	}
	close(stop)
	<-done
}
