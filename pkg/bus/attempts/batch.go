package attempts

import "github.com/nats-io/nats.go"

// perBatch is how many records one confirmation stands for, at most.
const perBatch = 64

// batch are records of one log that were gathered. The server takes the messages
// of a connection in their order, so its answer to the last stands for all: an
// answer to each would cost as much as the record. It says nothing of what got lost
// ahead of the last where the stream was made anew, or led by another node, between
// the two: such records are missing, and not counted.
type batch struct {
	last    *nats.Msg // is sent when it is known whether it is the last
	records int
	life    uint64 // of the connection when the first of them was added
}

// add adds a record, which has room, to the batch of its log.
func (r *Recorder) add(of *log, m *nats.Msg) {
	b := r.open[of]
	if b == nil {
		b = &batch{life: r.onWay.life()}
		r.open[of] = b
	}
	if b.last != nil && r.onWay.nc.PublishMsg(b.last) != nil {
		b.records--
		r.lose(of, 1)
	}
	b.last = m
	if b.records++; b.records == perBatch {
		r.confirm(of)
	}
}

// confirm sends the last record of a batch, and has it answered.
func (r *Recorder) confirm(of *log) {
	b := r.open[of]
	delete(r.open, of)
	if err := r.onWay.send(b.last, sent{of: of, records: b.records, life: b.life}); err != nil {
		r.lose(of, b.records)
	}
}

// confirmAll confirms the batches of all logs.
func (r *Recorder) confirmAll() {
	for of := range r.open {
		r.confirm(of)
	}
}
