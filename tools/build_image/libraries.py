"""Which shared libraries programs need: the dynamic loader is asked, as it will be in the image."""
import os
import pathlib
import re
import subprocess

from errors import ImageError

# The driver's, which the container runtime brings from the machine that has the device.
OF_THE_DRIVER = re.compile(r"lib(cuda|nvidia-ml|nvcuvid)\.so(\.\d+)*")

SYSTEM = ("/lib", "/usr/lib")


def is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def needed_libraries(programs, folder):
    """Paths as the loader finds them, first in `folder`; what they need in turn included."""
    paths = set()
    environment = os.environ | {"LD_LIBRARY_PATH": str(folder), "LC_ALL": "C"}
    for program in programs:
        done = subprocess.run(["ldd", program], text=True, capture_output=True, env=environment)
        if "not a dynamic executable" in done.stderr + done.stdout or "statically" in done.stdout:
            continue
        if done.returncode:
            raise ImageError(f"ldd {program}: {done.stderr.strip()}")
        for line in done.stdout.splitlines():
            words = line.split()
            if "not found" in line:
                if not OF_THE_DRIVER.fullmatch(words[0]):
                    raise ImageError(f"{program} needs {words[0]}, which is not on this machine")
            elif len(words) > 2 and words[1] == "=>":
                paths.add(words[2])
            elif words[0].startswith("/"):
                paths.add(words[0])  # the loader itself
    return sorted(paths)


def system_libraries(programs, prefix):
    """Those that are the system's, not of `prefix`."""
    prefix = pathlib.Path(prefix).resolve()
    outside = [path for path in needed_libraries(programs, prefix / "lib/dream")
               if not pathlib.Path(path).is_relative_to(prefix)]
    for path in outside:
        if not path.startswith(SYSTEM):
            raise ImageError(f"{path} is needed, and neither installed in {prefix} nor the "
                             "system's: give the folder of `cmake --install`")
    return outside
