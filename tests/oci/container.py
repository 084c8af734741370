"""Runs the command of an unpacked image as a container runtime does: its root, its environment and
working folder, PID 1 of its own processes; the network is the machine's unless `own_network`."""
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request

# /dev and /proc as runtimes give them. A machine that is a container itself may not mount proc.
START = """mount --rbind /dev "$0/dev" && { mount -t proc proc "$0/proc" 2>/dev/null ||
mount --rbind /proc "$0/proc"; } &&
exec /usr/sbin/chroot "$0" /bin/sh -c 'cd "$0" && exec "$@"' "$@" """


class Container:
    def __init__(self, root, config, log, port=5000, arguments=None, own_network=False):
        """`config`: that of the image. `arguments`: instead of its command."""
        self.port, self.log_path = port, log
        environment = dict(item.split("=", 1) for item in config["Env"])
        if port != 5000:
            environment["PORT"] = str(port)
        command = [*config.get("Entrypoint", []), *(arguments or config["Cmd"])]
        self._process = subprocess.Popen(
            ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child",
             *(["--net"] if own_network else []), "env", "-i",
             *(f"{name}={value}" for name, value in environment.items()),
             "/bin/sh", "-c", START, root, config["WorkingDir"], *command],
            stdout=subprocess.PIPE, stderr=open(log, "w"), text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()

    def log(self):
        return self.log_path.read_text()

    def pid(self):
        """Of the container's PID 1, as seen from here."""
        own = self._process.pid
        children = open(f"/proc/{own}/task/{own}/children").read().split()
        return int(children[0]) if children else None

    def wait_until(self, check, what, limit_s=60):
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            assert self._process.poll() is None, f"it ended: {self.log()}"
            value = check()
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError(f"{what} did not come true: {self.log()}")

    def wait_ready(self):
        return self.wait_until(lambda: self.health() == "READY", "READY")

    def health(self):
        try:
            return self.call("/health-check")[1]["status"]
        except OSError:
            return None

    def call(self, path, body=None, host="127.0.0.1"):
        """(status, JSON)"""
        request = urllib.request.Request(
            f"http://{host}:{self.port}{path}", method="GET" if body is None else "POST",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def listeners(self):
        """"ADDRESS:PORT" in hexadecimal, of its own network."""
        pid = self.pid()
        rows = open(f"/proc/{pid}/net/tcp").read().splitlines()[1:] if pid else []
        return [row.split()[1] for row in rows if row.split()[3] == "0A"]

    def terminate(self):
        os.kill(self.pid(), signal.SIGTERM)

    def running(self):
        return self._process.poll() is None

    def wait(self, limit_s=30):
        return self._process.wait(limit_s)

    def output(self):
        return self._process.communicate(timeout=60)[0]
