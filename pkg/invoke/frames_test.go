package invoke

import (
	"encoding/binary"
	"io"
	"net"
)

// The parts of HTTP/2 (RFC 9113) that a server by hand needs.
const (
	frameData     = 0x0
	frameHeaders  = 0x1
	frameReset    = 0x3
	frameSettings = 0x4
	framePing     = 0x6
	frameGoAway   = 0x7

	flagEnd   = 0x1 // END_STREAM, or ACK
	flagWhole = 0x4 // END_HEADERS

	codeNone     = 0x0
	codeProtocol = 0x1
	codeInternal = 0x2
	codeRefused  = 0x7
	codeCancel   = 0x8
	codeCalm     = 0xb
)

func frame(kind, flags byte, stream uint32, payload ...byte) []byte {
	n := len(payload)
	head := []byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags}
	return append(binary.BigEndian.AppendUint32(head, stream), payload...)
}

func reset(stream uint32, code byte) []byte { return frame(frameReset, 0, stream, 0, 0, 0, code) }

func goAway(last uint32, code byte) []byte {
	return frame(frameGoAway, 0, 0, append(binary.BigEndian.AppendUint32(nil, last), 0, 0, 0, code)...)
}

// fine is the status 200 and no body; hints is the status 103, with more to come.
func fine(stream uint32) []byte { return frame(frameHeaders, flagEnd|flagWhole, stream, 0x88) }
func hints(stream uint32) []byte {
	return frame(frameHeaders, flagWhole, stream, 0x08, 3, '1', '0', '3')
}

// speakHTTP2 is a server that reads whole requests and writes what answer says
// to each. Nil ends the connection.
func speakHTTP2(answer func(stream uint32) []byte) func(net.Conn) {
	return func(c net.Conn) {
		if _, err := io.CopyN(io.Discard, c, 24); err != nil { // the preface
			return
		}
		out := frame(frameSettings, 0, 0)
		for head := make([]byte, 9); ; {
			if _, err := c.Write(out); err != nil {
				return
			}
			if _, err := io.ReadFull(c, head); err != nil {
				return
			}
			payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
			if _, err := io.ReadFull(c, payload); err != nil {
				return
			}
			kind, flags, stream := head[3], head[4], binary.BigEndian.Uint32(head[5:])
			switch out = nil; {
			case kind == frameSettings && flags&flagEnd == 0:
				out = frame(frameSettings, flagEnd, 0)
			case kind == framePing && flags&flagEnd == 0:
				out = frame(framePing, flagEnd, 0, payload...)
			case (kind == frameData || kind == frameHeaders) && flags&flagEnd != 0:
				if out = answer(stream); out == nil {
					return
				}
			}
		}
	}
}
