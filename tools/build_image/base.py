"""The file system below the programs: of this machine's Debian packages the shared libraries that
are needed, a shell for Cog's command line, certificates, names and the C.UTF-8 locale.

What comes from a package brings the package's entry for scanners of vulnerabilities
(/var/lib/dpkg/status.d, as distroless images have it) and its copyright."""
import os
import pathlib
import subprocess

from errors import ImageError
from files import Files

MERGED = ["bin", "lib", "lib64", "sbin"]  # links into usr/, as on Debian 12
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
PROGRAMS = {"/bin/sh": "/bin/dash", "/bin/readlink": "/bin/readlink"}  # what `python` here calls
LOCALE = pathlib.Path("/usr/lib/locale/C.utf8")
TEXTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n"
                  "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


def in_usr(path):
    """/lib/x → usr/lib/x: where it lies behind the links of a merged /usr."""
    path = path.strip("/")
    return f"usr/{path}" if path.split("/")[0] in MERGED else path


def owners(paths):
    """The Debian packages that the files are of."""
    asked = set()
    for path in paths:
        for form in {path, os.path.realpath(path)}:
            merged = "/" + in_usr(form)
            asked |= {merged, merged.removeprefix("/usr")}
    done = subprocess.run(["dpkg-query", "-S", *sorted(asked)], text=True, capture_output=True)
    found = {}
    for line in done.stdout.splitlines():
        packages, _, path = line.rpartition(": ")
        if not line.startswith("diversion by"):
            found[path] = packages.split(",")[0].strip()
    if not found:
        raise ImageError("no file is of a Debian package: images are made on Debian 12")
    return sorted(set(found.values()))


def add_package_notes(files, packages):
    done = subprocess.run(["dpkg-query", "-s", *packages], text=True, capture_output=True)
    if done.returncode:
        raise ImageError(f"dpkg-query -s: {done.stderr.strip()}")
    for package, note in zip(packages, done.stdout.strip().split("\n\n"), strict=True):
        name = package.split(":")[0]
        files.text(f"var/lib/dpkg/status.d/{name}", note + "\n")
        copyright_file = pathlib.Path("/usr/share/doc") / name / "copyright"
        if copyright_file.is_file():
            files.copy(str(copyright_file), copyright_file)


def base_files(libraries):
    """`libraries`: paths as the loader names them; it finds them there in the image too."""
    files = Files("Debian packages: the shared libraries, sh, certificates")
    for name in MERGED:
        files.folder(f"usr/{name}")
        files.link(name, f"usr/{name}")
    for path, mode in {"tmp": 0o1777, "var/tmp": 0o1777, "root": 0o700, "run": 0o755,
                       "dev": 0o755, "proc": 0o755, "sys": 0o755}.items():
        files.folder(path, mode)
    files.link("var/run", "/run")
    for path, source in PROGRAMS.items():
        files.copy(in_usr(path), source)
    for path in libraries:
        files.copy(in_usr(path), path)
    for file in sorted(path for path in LOCALE.rglob("*") if path.is_file()):
        files.copy(str(file), file)
    files.copy(CERTIFICATES, CERTIFICATES)
    files.link("usr/lib/ssl/cert.pem", CERTIFICATES)  # where OpenSSL looks
    files.link("usr/lib/ssl/certs", "/etc/ssl/certs")
    files.copy("usr/lib/os-release", "/usr/lib/os-release")
    files.link("etc/os-release", "../usr/lib/os-release")
    files.copy("etc/debian_version", "/etc/debian_version")
    for path, text in TEXTS.items():
        files.text(path, text)
    taken = [*libraries, *PROGRAMS.values(), "/usr/lib/locale/C.utf8/LC_CTYPE",
             "/etc/debian_version", "/usr/share/ca-certificates"]
    add_package_notes(files, owners(taken))
    return files
