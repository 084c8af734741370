"""A PostgreSQL server of the tests' own; the script is that of the unit tests."""

import pathlib
import subprocess
import tempfile
import time

SCRIPT = pathlib.Path(__file__).resolve().parents[1] / "unit/storage/postgres_cluster"


class Cluster:
    def __enter__(self):
        parent = pathlib.Path(tempfile.gettempdir())
        self.folder = parent / f"dream-postgres-{time.monotonic_ns()}"
        self.process = subprocess.Popen([SCRIPT, self.folder], stdin=subprocess.PIPE)
        self.count = 0
        end = time.monotonic() + 60
        while not self.sql("SELECT 1", quiet=True):
            assert time.monotonic() < end, pathlib.Path(f"{self.folder}.log").read_text()
            time.sleep(0.1)
        return self

    def __exit__(self, *details):
        self.process.stdin.close()  # the script stops its server and clears up
        self.process.wait(30)

    def sql(self, statement, name="postgres", quiet=False):
        done = subprocess.run(
            ["psql", "-h", self.folder, "-U", "dream", "-d", name, "-Atc", statement],
            capture_output=True, text=True)
        assert quiet or done.returncode == 0, done.stderr
        return done.stdout.strip()

    def new_database(self):
        self.count += 1
        name = f"platform_{self.count}"
        self.sql(f"CREATE DATABASE {name}")
        return f"postgres:host={self.folder} user=dream dbname={name}"
