"""The layers' files in a folder: what the last stage of a Dockerfile copies."""
import os
import shutil

from errors import ImageError


def write_rootfs(folder, layers):
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ImageError(f"--rootfs {folder}: exists and is not empty, and nothing is overwritten")
    folder.mkdir(parents=True, exist_ok=True)
    for layer in layers:
        for path, entry in layer.sorted():
            target = folder / path
            if entry.is_folder:
                target.mkdir(exist_ok=True)
            elif entry.target is not None:
                target.symlink_to(entry.target)
                continue
            elif entry.data is not None:
                target.write_bytes(entry.data)
            else:
                shutil.copyfile(entry.source, target)
            os.chmod(target, entry.mode)
