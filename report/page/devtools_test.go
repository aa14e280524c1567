package page_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// devtools drives a headless Chromium over its debugging pipe: JSON messages
// that end with a NUL, on descriptors 3 and 4. Unlike a script in the page it
// can press real keys, switch scripts off, and print.
type devtools struct {
	t       testing.TB
	to      *os.File
	from    *bufio.Reader
	last    int
	session string
	// console and requests are what the page said and asked for.
	console, requests []string
}

type devtoolsMessage struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// startDevtools starts a browser with one empty tab.
func startDevtools(t testing.TB) *devtools {
	t.Helper()
	browser := chromium(t)
	in, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--user-data-dir="+browserProfile(t), "--remote-debugging-pipe", "--window-size=1280,900", "about:blank")
	cmd.ExtraFiles = []*os.File{in, out}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	out.Close()
	t.Cleanup(func() {
		to.Close()
		from.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	from.SetReadDeadline(time.Now().Add(browserLimit))
	d := &devtools{t: t, to: to, from: bufio.NewReader(from)}
	var target struct {
		TargetID string `json:"targetId"`
	}
	d.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct {
		SessionID string `json:"sessionId"`
	}
	d.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	d.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		d.call(domain+".enable", nil, nil)
	}
	return d
}

// call sends a command and waits for its answer; events on the way are noted.
func (d *devtools) call(method string, params, result any) {
	d.t.Helper()
	d.last++
	message := map[string]any{"id": d.last, "method": method}
	if params != nil {
		message["params"] = params
	}
	if d.session != "" {
		message["sessionId"] = d.session
	}
	text, err := json.Marshal(message)
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.to.Write(append(text, 0)); err != nil {
		d.t.Fatal(err)
	}
	for {
		m := d.next()
		if m.ID != d.last {
			continue
		}
		if m.Error != nil {
			d.t.Fatalf("%s: %s", method, m.Error.Message)
		}
		if result != nil {
			if err := json.Unmarshal(m.Result, result); err != nil {
				d.t.Fatalf("%s: %v", method, err)
			}
		}
		return
	}
}

// next reads one message.
func (d *devtools) next() devtoolsMessage {
	d.t.Helper()
	text, err := d.from.ReadBytes(0)
	if err != nil {
		d.t.Fatalf("chromium: %v", err)
	}
	var m devtoolsMessage
	if err := json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &m); err != nil {
		d.t.Fatal(err)
	}
	switch m.Method {
	case "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded":
		d.console = append(d.console, string(m.Params))
	case "Network.requestWillBeSent":
		var sent struct {
			Request struct {
				URL string `json:"url"`
			} `json:"request"`
		}
		if json.Unmarshal(m.Params, &sent) == nil && !strings.HasPrefix(sent.Request.URL, "data:") {
			d.requests = append(d.requests, sent.Request.URL)
		}
	}
	return m
}

// open shows a page from a file, as a reader would, and waits until it is there.
func (d *devtools) open(document string) {
	d.t.Helper()
	file := filepath.Join(d.t.TempDir(), "report.html")
	if err := os.WriteFile(file, []byte(document), 0o644); err != nil {
		d.t.Fatal(err)
	}
	d.console, d.requests = nil, nil
	d.call("Page.navigate", map[string]any{"url": "file://" + file}, nil)
	for d.next().Method != "Page.loadEventFired" {
	}
}

// ask evaluates an expression in the page.
func (d *devtools) ask(expression string, result any) {
	d.t.Helper()
	var answer struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Exception *struct {
			Text string `json:"text"`
		} `json:"exceptionDetails"`
	}
	d.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &answer)
	if answer.Exception != nil {
		d.t.Fatalf("%s: %s", expression, answer.Exception.Text)
	}
	if result != nil {
		if err := json.Unmarshal(answer.Result.Value, result); err != nil {
			d.t.Fatalf("%s: %v", expression, err)
		}
	}
}

// press presses and releases a key.
func (d *devtools) press(key, text string, code int) {
	d.t.Helper()
	for _, kind := range []string{"keyDown", "keyUp"} {
		params := map[string]any{"type": kind, "key": key, "windowsVirtualKeyCode": code}
		if kind == "keyDown" && text != "" {
			params["text"] = text
		}
		d.call("Input.dispatchKeyEvent", params, nil)
	}
}
