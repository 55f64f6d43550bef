package dispatch_test

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestARequestHasOneEnd: where it has two, whoever stands between a client and us may
// take the other one. It is refused, whether its head comes at once or in pieces, as the first of its connection or the third, and nothing behind it is a
// request.
func TestARequestHasOneEnd(t *testing.T) {
	t.Parallel()
	d, c := opened(t)
	const good = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
	const chunked = "5\r\n[ 7 ]\r\n0\r\n\r\n"
	for _, id := range bothIDs {
		post := "POST " + eventsOf(id) + " HTTP/1.1\r\nHost: localhost\r\n" + isJSON + "\r\n"
		long := "X-Long: " + strings.Repeat("x", 500) + "\r\n"
		both := "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
		for name, try := range map[string]struct {
			text, behind string // what is sent, and what is sent along with it
			want         []int
		}{
			"a length, then chunks":     {post + both, chunked + good, []int{400}},
			"chunks, then a length":     {post + "transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n", chunked + good, []int{400}},
			"behind a long field":       {post + long + "Content-Length: 4\r\n" + long + "Transfer-Encoding: chunked\r\n\r\n", chunked, []int{400}},
			"behind two requests":       {good + post + "Content-Length: 5\r\n\r\n[ 7 ]" + post + both, chunked + good, []int{200, 400, 400}},
			"behind an empty line":      {post + "Content-Length: 5\r\n\r\n[ 7 ]" + "\r\n" + post + both, chunked, []int{400, 400}},
			"two lengths":               {post + "Content-Length: 4\r\nContent-Length: 5\r\n\r\n", "", []int{400}},
			"a length that is none":     {post + "Content-Length: +5\r\n\r\n", "", []int{400}},
			"chunks alone end it":       {post + "Transfer-Encoding: chunked\r\n\r\n" + chunked, good, []int{400}},
			"a body that looks like it": {post + "Content-Length: 52\r\n\r\nx\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n" + good, "", []int{400, 200}},
			"the same length twice":     {good + post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n[ 7 ]" + good, "", []int{200, 400, 200}},
		} {
			slowly := id == bothIDs[1]
			conn, err := c.dial()
			require.NoError(t, err)
			require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
			if !slowly {
				_, err = io.WriteString(conn, try.text+try.behind)
				require.NoError(t, err)
			}
			for at := 0; slowly && at < len(try.text); at += 7 {
				_, err = io.WriteString(conn, try.text[at:min(at+7, len(try.text))])
				require.NoError(t, err)
			}
			from := bufio.NewReader(conn)
			for n, want := range try.want {
				got := c.next(from)
				require.Equal(t, want, got.status, "%s, answer %d: %s", name, n, got.body)
			}
			if try.want[len(try.want)-1] != http.StatusOK {
				_, err = from.ReadByte()
				require.Error(t, err, name)
				require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "%s: the connection ends with it", name)
			}
			require.NoError(t, conn.Close())
		}
		n, err := d.Instance(id).Waiting(within(t, 20*time.Second), lineTo("hook"))
		require.NoError(t, err)
		require.Zero(t, n)
	}
}

// TestWhoSaysTooMuchHearsWhy: a head over its bound is answered, and the connection
// ends behind the answer, although not all of what was sent is read. A reset would
// take the answer away.
func TestWhoSaysTooMuchHearsWhy(t *testing.T) {
	t.Parallel()
	_, c := opened(t)
	for _, id := range bothIDs {
		conn, err := c.dial()
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
		_, err = io.WriteString(conn, "POST "+eventsOf(id)+" HTTP/1.1\r\nX: "+strings.Repeat("x", 128<<10)+"\r\n\r\n")
		require.NoError(t, err)
		answer, err := io.ReadAll(conn)
		require.NoError(t, err)
		require.Contains(t, string(answer), "431")
		require.NoError(t, conn.Close())
	}
}
