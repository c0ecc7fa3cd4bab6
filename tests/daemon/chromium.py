# SPDX-License-Identifier: MIT
#
# A browser without a screen, for the tests of pages: Chromium, and what they ask of it.
"""See the head of the file."""

import base64
import urllib.error
import urllib.request

from support import *


def skip_without_chromium():
    if not (shutil.which("chromedriver") and shutil.which("chromium")):
        print("no chromium here")
        sys.exit(77)


class Browser:
    """Chromium by way of chromedriver, whose protocol (WebDriver) is JSON over HTTP."""

    def __init__(self, folder):
        log = open(os.path.join(folder, "chromedriver.log"), "wb")
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE,
                                       stderr=log, env=dict(os.environ, HOME=folder))
        log.close()
        self.port = 0
        for line in self.driver.stdout:
            found = re.search(rb"successfully on port (\d+)", line)
            if found:
                self.port = int(found.group(1))
                break
        self.session = ""
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                   "--window-size=1300,900", "--user-data-dir=" + os.path.join(folder, "profile")]
        try:
            reply = self.call("POST", "", {"capabilities": {"alwaysMatch": {
                "browserName": "chrome", "goog:chromeOptions": {"args": options},
                "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}})
            self.session = "/" + reply["sessionId"]
        except Exception:
            self.close()
            raise

    def call(self, method, path, body=None):
        data = json.dumps(body if body is not None else {}).encode() if method == "POST" else None
        request = urllib.request.Request("http://127.0.0.1:%d/session%s%s" % (self.port, self.session, path),
                                         data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S * 5) as reply:
                return json.load(reply)["value"]
        except urllib.error.HTTPError as error:
            check(False, "%s: %s" % (path, error.read()[:600]))
            return None

    def run(self, script):
        return self.call("POST", "/execute/sync", {"script": script, "args": []})

    def act(self, kind, *steps):
        """The pointer or the wheel: a few steps."""
        self.call("POST", "/actions", {"actions": [{"type": kind, "id": kind, "actions": list(steps)}]})

    def hover(self, x, y):
        self.act("pointer", {"type": "pointerMove", "duration": 0, "x": x, "y": y, "origin": "viewport"})

    def logs(self, kind):
        return self.call("POST", "/se/log", {"type": kind})

    def screenshot(self, name):
        with open(name, "wb") as file:
            file.write(base64.b64decode(self.call("GET", "/screenshot")))

    def colours(self, canvas="canvas"):
        """The colours of a canvas of the page: how many there are, and their mean brightness.

        (A copy is read: reading the canvas itself, often, is something that browsers warn of.)
        """
        return self.run(
            "const from = %s, copy = document.createElement('canvas'); copy.width = from.width;"
            "copy.height = from.height; const c = copy.getContext('2d', {willReadFrequently: true});"
            "c.drawImage(from, 0, 0);"
            "const d = c.getImageData(0, 0, copy.width, copy.height).data, seen = new Set();"
            "let sum = 0; for (let i = 0; i < d.length; i += 4) {"
            "  seen.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]); sum += d[i] + d[i + 1] + d[i + 2]; }"
            "return [seen.size, sum / d.length]" % canvas)

    def check_silence(self, page):
        """Nothing on the console; nothing fetched but the page and what it carries itself."""
        same([e["message"] for e in self.logs("browser")], [], "the console")
        fetched = set()
        for entry in self.logs("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                fetched.add(message["params"]["request"]["url"])
        other = [u for u in fetched
                 if not u.startswith(("file://" + page, "data:", "chrome:", "about:"))]
        same(other, [], "files that the page fetched")

    def close(self):
        with contextlib.suppress(OSError):
            self.call("DELETE", "")
        self.driver.terminate()
        self.driver.wait()
        self.driver.stdout.close()
