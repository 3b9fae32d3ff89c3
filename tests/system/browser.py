# SPDX-License-Identifier: MIT
"""A real Chromium without a window, driven through its DevTools protocol over a pipe (two descriptors and
JSON with a NUL behind it), so that no driver and no further package is needed."""
import contextlib
import itertools
import json
import os
import select
import signal
import subprocess
import tempfile
import time


class Browser:
    """One page. Everything that it logged, refused or asked for is kept: `problems`, `requests`."""

    def __init__(self, log):
        self.profile = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        to_read, self.to = os.pipe()
        self.back, to_write = os.pipe()

        def descriptors():  # Chromium reads commands from 3 and writes to 4
            os.setsid()
            a, b = os.dup(to_read), os.dup(to_write)  # neither is 3 or 4 any more where one was
            os.dup2(a, 3)
            os.dup2(b, 4)
            os.set_inheritable(3, True)
            os.set_inheritable(4, True)

        command = ["chromium", "--headless", "--remote-debugging-pipe", f"--user-data-dir={self.profile.name}",
                   "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync",
                   "--proxy-server=direct://", "--window-size=1400,2000", "about:blank"]
        if os.geteuid() == 0:
            command.insert(1, "--no-sandbox")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, close_fds=False,
                                        preexec_fn=descriptors)
        os.close(to_read)
        os.close(to_write)
        self.numbers, self.unread, self.answers = itertools.count(1), b"", {}
        self.session, self.is_loaded, self.problems, self.requests = None, False, [], []
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "Audits"):
            self.call(domain + ".enable")

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.to)
        os.close(self.back)
        self.profile.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def call(self, method, seconds=60, **params):
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params}
        if self.session is not None:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + seconds
        while number not in self.answers:
            self.read(end - time.monotonic())
        answer = self.answers.pop(number)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def read(self, seconds):
        ready, _, _ = select.select([self.back], [], [], max(0, seconds))
        assert ready, "Chromium does not answer"
        part = os.read(self.back, 1 << 20)
        assert part, f"Chromium has ended: {self.process.poll()}"
        *messages, self.unread = (self.unread + part).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self.answers[message["id"]] = message
            else:
                self.note(message["method"], message["params"])

    def note(self, method, params):
        if method == "Network.requestWillBeSent":
            self.requests.append((params["request"]["method"], params["request"]["url"]))
        elif method == "Page.loadEventFired":
            self.is_loaded = True
        elif method == "Runtime.exceptionThrown":
            self.problems.append(params["exceptionDetails"].get("exception", {}).get("description", str(params)))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.problems.append(" ".join(str(a.get("value", a.get("description"))) for a in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.problems.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Audits.issueAdded" and "contentSecurityPolicyIssueDetails" in params["issue"]["details"]:
            details = params["issue"]["details"]["contentSecurityPolicyIssueDetails"]
            self.problems.append(f"Content-Security-Policy: {json.dumps(details)}")

    def open(self, url, seconds=60):
        """To the page's load event."""
        self.is_loaded = False
        answer = self.call("Page.navigate", url=url)
        assert "errorText" not in answer, f"{url}: {answer['errorText']}"
        end = time.monotonic() + seconds
        while not self.is_loaded:
            self.read(end - time.monotonic())

    def run(self, script):
        """The value of an expression in the page; a promise is waited for."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, userGesture=True)
        assert "exceptionDetails" not in found, f"{script}: {found['exceptionDetails']}"
        return found["result"].get("value")

    def until(self, script, seconds=30):
        """Waits until an expression is true, and gives it."""
        end = time.monotonic() + seconds
        while not (found := self.run(script)):
            assert time.monotonic() < end, f"not true after {seconds} s: {script}; {self.problems}"
            time.sleep(0.05)
        return found

    def click(self, selector):
        """With the mouse, as a person does."""
        place = self.until(f"""(() => {{
            const found = document.querySelector({json.dumps(selector)});
            if (found === null) return null;
            found.scrollIntoView({{block: "center"}});
            const box = found.getBoundingClientRect();
            return box.width > 0 ? [box.left + box.width / 2, box.top + box.height / 2] : null; }})()""")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def type(self, selector, text):
        self.click(selector)
        self.run(f"document.querySelector({json.dumps(selector)}).select()")
        self.call("Input.insertText", text=text)

    def picture(self, path):
        import base64
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
