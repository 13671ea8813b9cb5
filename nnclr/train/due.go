package train

import "time"

// progress is where a run stands.
type progress struct {
	step  int
	time  time.Duration // spent training
	share float64       // of the run
	steps int           // of the whole run; 0 where it goes by time
}

// due tells when something is due again.
type due struct {
	every Every
	last  progress
}

// newDue counts from where the run stands, so that a resumed run goes on with its rhythm where
// that is one of steps or shares.
func newDue(e Every, now progress) due { return due{e, now} }

// is tells whether it is due, and if so counts anew.
func (d *due) is(now progress) bool {
	ok := false
	switch {
	case d.every.Steps > 0:
		ok = now.step/d.every.Steps > d.last.step/d.every.Steps
	case d.every.Time > 0:
		ok = now.time-d.last.time >= d.every.Time
	case d.every.Share > 0:
		ok = int(now.share/d.every.Share) > int(d.last.share/d.every.Share)
	}
	if ok {
		d.last = now
	}
	return ok
}
