package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// curlProgram is played by the test binary: pages show curl, and not every machine
// has it.
const curlProgram = "curl"

// curl does what the pages ask of curl, and returns its exit code.
func curl(args []string) int {
	method, url, body, header := "", "", "", http.Header{}
	showHead, fail := false, false
	for i := 0; i < len(args); i++ {
		value := func() string { i++; return args[i] }
		switch args[i] {
		case "-s", "-sf", "-si":
			showHead, fail = strings.Contains(args[i], "i"), strings.Contains(args[i], "f")
		case "-i":
			showHead = true
		case "-X":
			method = value()
		case "-H":
			name, content, _ := strings.Cut(value(), ": ")
			header.Set(name, content)
		case "-d":
			body = value()
		default:
			if strings.HasPrefix(args[i], "-") {
				fmt.Fprintln(os.Stderr, "curl is played here, without", args[i])
				return 2
			}
			url = args[i]
		}
	}
	if !strings.Contains(url, "://") {
		url = "http://" + url
	}
	if method == "" && body != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequest(method, url, strings.NewReader(body)) //nolint:noctx // a program that runs to its end
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 7
	}
	defer func() { _ = resp.Body.Close() }()
	if showHead {
		fmt.Printf("%s %s\n", resp.Proto, resp.Status)
		_ = resp.Header.Write(os.Stdout)
		fmt.Println()
	}
	if _, err := io.Copy(os.Stdout, resp.Body); err != nil || fail && resp.StatusCode >= 400 {
		return 22
	}
	return 0
}
