"""Other downloaders, where they are installed: the same articles from the same server, no
unpacking, no repair."""
import json
import os
import shutil
import socket
import time
import urllib.parse
import urllib.request

import run


class Nzbget:
    """NZBGet without its daemon: it downloads one NZB and ends."""
    NAME = "nzbget"
    PROGRAMS = ["nzbget"]

    def __init__(self, program):
        self.program = program

    def download(self, env, server, scheme, connections, out):
        options = {
            "MainDir": out, "DestDir": f"{out}/done", "InterDir": "", "NzbDir": f"{out}/nzb",
            "QueueDir": f"{out}/queue", "TempDir": f"{out}/tmp", "LockFile": "", "LogFile": "",
            "ScriptDir": f"{out}/scripts", "WriteLog": "none", "OutputMode": "log",
            "Server1.Active": "yes", "Server1.Level": 0, "Server1.Host": "127.0.0.1",
            "Server1.Port": server.port(scheme), "Server1.JoinGroup": "no",
            "Server1.Encryption": "yes" if scheme == "tls" else "no", "CertCheck": "no",
            "Server1.Connections": connections,
            # What its documentation recommends for speed.
            "DirectWrite": "yes", "ArticleCache": 100, "WriteBuffer": 1024, "CrcCheck": "yes",
            "FlushQueue": "no", "ContinuePartial": "no", "DiskSpace": 0, "HealthCheck": "none",
            "ParCheck": "manual", "ParRename": "no", "RarRename": "no", "DirectRename": "no",
            "Unpack": "no", "DirectUnpack": "no", "UMask": "0022",
        }
        os.makedirs(out)
        command = [self.program, "-n"]
        for name, value in options.items():
            command += ["-o", f"{name}={value}"]
        return run.measure(env, [[*command, server.nzb]])


class Sabnzbd:
    """SABnzbd, spoken to over its API. Its start is not counted, only the download."""
    NAME = "sabnzbd"
    PROGRAMS = ["sabnzbdplus", "sabnzbd", "SABnzbd.py"]
    KEY = "0123456789abcdef0123456789abcdef"

    def __init__(self, program):
        self.program = program

    def download(self, env, server, scheme, connections, out):
        os.makedirs(out)
        port = free_port()
        with open(f"{out}/sabnzbd.ini", "w", encoding="utf-8") as file:
            file.write(self.settings(server, scheme, connections, out, port))
        child = run.start([self.program, "-f", f"{out}/sabnzbd.ini", "-b", "0", "-l", "0",
                           "-s", f"127.0.0.1:{port}"], env.client_cores,
                          stdin=run.DEVNULL, stdout=run.DEVNULL, stderr=run.DEVNULL)
        try:
            return self.job(child, port, server.nzb)
        finally:
            child.terminate()
            child.wait()
            run.CHILDREN.remove(child)

    def settings(self, server, scheme, connections, out, port):
        return f"""__version__ = 19
__encoding__ = utf-8
[misc]
api_key = {self.KEY}
nzb_key = {self.KEY}
host = 127.0.0.1
port = {port}
download_dir = {out}/incomplete
complete_dir = {out}/complete
log_dir = {out}/logs
admin_dir = {out}/admin
auto_browser = 0
check_new_rel = 0
cache_limit = 450M
direct_unpack = 0
enable_all_par = 0
top_only = 0
pre_check = 0
[servers]
[[127.0.0.1]]
name = 127.0.0.1
host = 127.0.0.1
port = {server.port(scheme)}
ssl = {int(scheme == "tls")}
ssl_verify = 0
connections = {connections}
enable = 1
timeout = 60
"""

    def job(self, child, port, nzb):
        ended = time.monotonic() + 60
        while True:
            try:
                self.ask(port, "version")
                break
            except OSError as error:
                if child.poll() is not None or time.monotonic() > ended:
                    raise run.Failed("SABnzbd did not start") from error
                time.sleep(0.2)
        before, began = cpu(child.pid), time.monotonic()
        self.ask(port, "addlocalfile", name=nzb, pp="0")
        ended = began + 600
        while True:
            slots = self.ask(port, "history")["history"]["slots"]
            if any(slot["status"] == "Completed" for slot in slots):
                break
            if any(slot["status"] == "Failed" for slot in slots) or time.monotonic() > ended:
                raise run.Failed("SABnzbd did not finish")
            time.sleep(0.1)
        wall, after = time.monotonic() - began, cpu(child.pid)
        watch = peak(child.pid)
        return run.Used(cpu=sum(after) - sum(before), user=after[0] - before[0], wall=wall,
                        peak=watch, peak_sum=watch)

    def ask(self, port, mode, **more):
        query = urllib.parse.urlencode(
            {"mode": mode, "apikey": self.KEY, "output": "json", **more})
        url = f"http://127.0.0.1:{port}/api?{query}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def cpu(pid):
    """Seconds as user and in the kernel, with children that have ended."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    user, kernel, child_user, child_kernel = (int(field) for field in fields[11:15])
    tick = os.sysconf("SC_CLK_TCK")
    return (user + child_user) / tick, (kernel + child_kernel) / tick


def peak(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))


def installed():
    found = []
    for kind in (Nzbget, Sabnzbd):
        program = next(filter(None, map(shutil.which, kind.PROGRAMS)), None)
        if program:
            found.append(kind(program))
        else:
            run.progress(f"{kind.NAME} is not installed and left out")
    return found
