package attempts

// perBatch is how many records one confirmation stands for, at most.
const perBatch = 64

// batch are records of one log that were gathered. The server takes the messages
// of a connection in their order, so its answer to the last stands for all: an
// answer to each would cost as much as the record. It says nothing of what got lost
// ahead of the last where the stream was made anew, or led by another node, between
// the two: such records are missing, and not counted.
type batch struct {
	subject string // of the last, which is sent when it is known whether it is that
	text    []byte
	records int
	life    uint64 // of the connection when the first of them was added
}

// add adds a record, which has room, to the batch of its log: it lies in r.text. The
// connection copies what it is given, so two texts do for all records.
func (r *Recorder) add(of *log, subject string) {
	b := r.open[of]
	if b == nil {
		b = r.newBatch()
		r.open[of] = b
	}
	if b.records > 0 && r.onWay.nc.Publish(b.subject, b.text) != nil {
		b.records--
		r.lose(of, 1)
	}
	b.subject, b.text, r.text = subject, r.text, b.text
	if b.records++; b.records == perBatch {
		r.confirm(of)
	}
}

// confirm sends the last record of a batch, and has it answered.
func (r *Recorder) confirm(of *log) {
	b := r.open[of]
	delete(r.open, of)
	if err := r.onWay.send(b.subject, b.text, sent{of: of, records: b.records, life: b.life}); err != nil {
		r.lose(of, b.records)
	}
	if len(r.free) < keptBatches {
		r.free = append(r.free, b)
	}
}

// keptBatches bounds how many are kept to be used again: those of so many instances that
// have records at once.
const keptBatches = 16

func (r *Recorder) newBatch() *batch {
	b := &batch{}
	if last := len(r.free) - 1; last >= 0 {
		b, r.free = r.free[last], r.free[:last]
	}
	b.records, b.life = 0, r.onWay.life()
	return b
}

// confirmAll confirms the batches of all logs.
func (r *Recorder) confirmAll() {
	for of := range r.open {
		r.confirm(of)
	}
}
