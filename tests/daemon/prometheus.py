# SPDX-License-Identifier: MIT
#
# A real Prometheus scrapes apexd's loopback port, and node_exporter's textfile collector reads the
# file of apexctl; a program on libapex leaks, and the alert of the rules that ship fires for it by
# both ways, and the one for a daemon that is gone when it is. promtool approves of the figures, the
# rules and the example, and tests each rule. Reason: we may be wrong about what they read. All
# listens on loopback only.
"""See the head of the file."""

import urllib.parse
import urllib.request

from support import *

RULES = os.path.join(SOURCE, "apexd/monitoring/apex.rules.yml")
EXAMPLE = os.path.join(SOURCE, "apexd/monitoring/prometheus.yml")
DASHBOARD = os.path.join(SOURCE, "apexd/monitoring/dashboard.json")
RULES_TEST = os.path.join(SOURCE, "tests/daemon/rules_test.yml")

# Times of the rules and what a test can wait for: the expressions stay as they ship. The amount is
# what the program below leaks in less than a second.
SHORTER = {"15m": "4s", "30m": "6s", "2m": "5s", "67108864": "4194304"}

LEAK = ("import time\n"
        "keep = []\n"
        "while True:\n"
        "    keep.append(bytearray(400000))\n"
        "    time.sleep(0.05)\n")

# Frees an object twice, works on for a while, so that libapex comes to publish it, and exits: its
# counters stay.
CRIME = ("import ctypes, time\n"
         "c = ctypes.CDLL(None)\n"
         "c.malloc.restype = ctypes.c_void_p\n"
         "keep = [c.malloc(100) for _ in range(10)]\n"
         "c.free(ctypes.c_void_p(keep[5]))\n"
         "c.free(ctypes.c_void_p(keep[5]))\n"
         "for _ in range(50):\n"
         "    keep += [bytes(700 + i) for i in range(200)]\n"
         "    time.sleep(0.05)\n")

CONFIG = """
global:
  scrape_interval: 500ms
  scrape_timeout: 500ms
  evaluation_interval: 500ms
scrape_configs:
  - job_name: apexd
    static_configs: [{targets: ["127.0.0.1:%d"]}]
  - job_name: node
    static_configs: [{targets: ["127.0.0.1:%d"]}]
rule_files: [rules.yml]
"""


def promtool(*arguments, text=None):
    done = subprocess.run(("promtool",) + arguments, input=text, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, check=False, timeout=PATIENCE_S * 5)
    same(done.returncode, 0, "promtool %s says %s" % (" ".join(arguments), done.stdout))
    return done.stdout


def test_promtool(daemon, port):
    folder = os.path.join(daemon.top, "rules")
    os.mkdir(folder)
    for path in (RULES, EXAMPLE, RULES_TEST):
        shutil.copy(path, folder)
    promtool("check", "rules", folder + "/apex.rules.yml")
    promtool("check", "config", folder + "/prometheus.yml")
    promtool("test", "rules", folder + "/rules_test.yml")
    for text in (apexctl("metrics", directory=daemon.dir)[1],
                 apexctl("metrics", "--per-process", directory=daemon.dir)[1],
                 http(port, "/metrics")[2]):
        check(len(text) > 1000, "there are figures")
        same(promtool("check", "metrics", text=text), "", "complaints of promtool")


class Prometheus:
    """Asks the Prometheus that listens on this port."""

    def __init__(self, port):
        self.base = "http://127.0.0.1:%d" % port

    def get(self, path):
        try:
            with urllib.request.urlopen(self.base + path, timeout=PATIENCE_S) as answer:
                return json.load(answer)["data"]
        except OSError:
            return {}

    def query(self, expression):
        """Labels and value of each sample."""
        path = "/api/v1/query?query=" + urllib.parse.quote(expression)
        return [(r["metric"], float(r["value"][1])) for r in self.get(path).get("result", [])]

    def firing(self, name):
        return [a["labels"] for a in self.get("/api/v1/alerts").get("alerts", [])
                if a["state"] == "firing" and a["labels"]["alertname"] == name]


def test_scrape(daemon, prometheus, pid, write):
    one = wait_until(lambda: prometheus.query('up{job="apexd"} == 1'), "Prometheus scrapes the port")
    check(one, "the port is up")
    here = wait_until(lambda: prometheus.query('apex_processes{job="apexd"} == 1'), "our process")
    check(here and "comm" not in here[0][0], "the port tells no names: %r" % here)
    found = wait_until(lambda: write() and prometheus.query(
        'apex_heap_allocated_bytes{job="node",comm!="other"} > 0'), "the textfile's figures")
    same(found[0][0].get("comm"), open("/proc/%d/comm" % pid, encoding="utf-8").read().strip(),
         "the name by the textfile")
    # Prometheus asks for OpenMetrics, so it has the types that only this has.
    kind = wait_until(lambda: prometheus.get("/api/v1/metadata?metric=apexd_build"), "metadata")
    same(kind["apexd_build"][0]["type"], "info", "the type of apexd_build")
    for name in ("apex_faults_total", "apex_os_failures_total", "apex_purged_bytes_total",
                 "apex_remote_frees_total", "apexd_registration_rejected_total",
                 "apexd_scrape_duration_seconds"):
        for job in ("apexd", "node"):
            wait_until(lambda q='%s{job="%s"}' % (name, job): prometheus.query(q),
                       "%s from %s" % (name, job))
    for line in ("sum(apex_heap_mapped_bytes{job='node'})", "apex_heap_mapped_bytes{job='apexd'}"):
        wait_until(lambda q=line: len(prometheus.query(q)) == 1, "one sum: " + line)
    same(prometheus.firing("ApexdDown"), [], "alerts while all is well")
    same(prometheus.query('node_textfile_scrape_error == 1'), [], "errors of node_exporter")


def test_dashboard(directory, prometheus):
    """Each expression is one that Prometheus can read, and knows nothing but figures that exist."""
    wait_until(lambda: prometheus.query("apex:heap_allocated_bytes:each"), "the rule that records")
    names = {n for n in prometheus.get("/api/v1/label/__name__/values")}
    # A family has its head also when no process has a sample of it: of nodes on a machine with one.
    names |= set(re.findall(r"^# TYPE (\S+) ", ask(directory, "metrics")["text"], re.M))
    places = {"$instance": ".*", "$comm": ".*", "$__rate_interval": "5s"}
    expressions = [t["expr"] for panel in json.load(open(DASHBOARD, encoding="utf-8"))["panels"]
                   for t in panel["targets"]]
    check(len(expressions) > 10, "the dashboard has expressions")
    for expression in expressions:
        for place, value in places.items():
            expression = expression.replace(place, value)
        path = "/api/v1/query?query=" + urllib.parse.quote(expression)
        check("result" in prometheus.get(path), "Prometheus cannot read " + expression)
        for name in re.findall(r"\bapex[a-z_:]+", expression):
            check(name in names, "the dashboard shows what is not there: " + name)


def test_alerts(daemon, prometheus, write):
    def leaks():
        write()
        return {a["job"]: a for a in prometheus.firing("ApexHeapGrows")}
    found = wait_until(lambda: len(leaks()) == 2 and leaks(), "the alert on the leak, by both ways")
    check(found and found["node"]["comm"].startswith("python"), "the alert names the program: %r" % found)
    same(prometheus.firing("ApexFaultFound"), [], "faults before there was one")
    environment = preloaded(daemon.dir)
    environment["APEX_OPTIONS"] += ",fault=report"
    done = subprocess.run([sys.executable, "-c", CRIME], env=environment, stderr=subprocess.PIPE,
                          check=False, timeout=PATIENCE_S)
    check(b"double free" in done.stderr, "what libapex says: %r" % done.stderr)

    def faults():
        write()
        return {a["job"]: a for a in prometheus.firing("ApexFaultFound")}
    found = wait_until(lambda: len(faults()) == 2 and faults(), "the alert on a double free")
    check(found and found["node"]["kind"] == "double_free", "it tells the kind: %r" % found)
    daemon.stop()
    found = wait_until(lambda: prometheus.firing("ApexdDown"), "the alert on a daemon that is gone")
    check(found and found[0]["job"] == "apexd", "it is about apexd: %r" % found)


def main():
    ports = free_ports(3)
    with Daemon("--http-port", str(ports[0])) as daemon, contextlib.ExitStack() as stack:
        folder = os.path.join(daemon.top, "prometheus")
        textfiles = os.path.join(daemon.top, "textfile")
        os.mkdir(folder)
        os.mkdir(textfiles)
        rules = open(RULES, encoding="utf-8").read()
        for long, short in SHORTER.items():
            check(re.search(r"\b%s\b" % long, rules), "the rules have %s" % long)
            rules = re.sub(r"\b%s\b" % long, short, rules)
        open(folder + "/rules.yml", "w", encoding="utf-8").write(rules)
        open(folder + "/config.yml", "w", encoding="utf-8").write(CONFIG % (ports[0], ports[1]))
        test_promtool(daemon, ports[0])
        log = stack.enter_context(open(daemon.log, "ab"))
        stack.enter_context(running(
            ["prometheus-node-exporter", "--web.listen-address=127.0.0.1:%d" % ports[1],
             "--collector.disable-defaults", "--collector.textfile",
             "--collector.textfile.directory=" + textfiles], stderr=log))
        stack.enter_context(running(
            ["prometheus", "--config.file=" + folder + "/config.yml",
             "--storage.tsdb.path=" + folder + "/data", "--web.listen-address=127.0.0.1:%d" % ports[2],
             "--log.level=warn"], stderr=log, cwd=folder))
        leak = stack.enter_context(running([sys.executable, "-c", LEAK], env=preloaded(daemon.dir)))

        def write():
            same(apexctl("metrics", "--textfile", textfiles + "/apex.prom", directory=daemon.dir),
                 (0, "", ""), "apexctl metrics --textfile")
            return True
        prometheus = Prometheus(ports[2])
        test_scrape(daemon, prometheus, leak.pid, write)
        test_dashboard(daemon.dir, prometheus)
        test_alerts(daemon, prometheus, write)
    finish()


main()
