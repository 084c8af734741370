"""OCI image layouts (image-spec, image-layout.md). Equal files give equal bytes: entries in order,
one time, owner 0:0, no names of users, a gzip header without a time."""
import gzip
import hashlib
import io
import json
import os
import pathlib
import re
import tarfile
import tempfile

from errors import ImageError

LAYER = "application/vnd.oci.image.layer.v1.tar"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
TAG = "org.opencontainers.image.ref.name"


class HashingFile:
    """A file to write to that knows the digest and size of what went through it."""

    def __init__(self, file):
        self._file, self._hash, self.size = file, hashlib.sha256(), 0

    def write(self, data):
        self._hash.update(data)
        self.size += len(data)
        return self._file.write(data)

    def flush(self):
        self._file.flush()

    def tell(self):
        return self.size

    @property
    def digest(self):
        return f"sha256:{self._hash.hexdigest()}"


def add_entry(archive, path, entry, mtime):
    member = tarfile.TarInfo(path)
    member.mode, member.mtime = entry.mode, mtime
    if entry.is_folder:
        member.type = tarfile.DIRTYPE
        archive.addfile(member)
    elif entry.target is not None:
        member.type, member.linkname = tarfile.SYMTYPE, entry.target
        archive.addfile(member)
    elif entry.data is not None:
        member.size = len(entry.data)
        archive.addfile(member, io.BytesIO(entry.data))
    else:
        with open(entry.source, "rb") as file:
            member.size = os.fstat(file.fileno()).st_size
            archive.addfile(member, file)


def write_tar(files, out, mtime):
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT,
                      copybufsize=1 << 20) as archive:
        for path, entry in files.sorted():
            add_entry(archive, path, entry, mtime)


def as_json(document):
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


class Layout:
    def __init__(self, path, tag):
        self.path, self.tag = path, tag

    @classmethod
    def named(cls, name):
        """`PATH[:TAG]`, an existing layout or a folder that is missing or empty. Nothing is
        written yet."""
        path, _, tag = name.partition(":")
        if not path or (":" in name and not re.fullmatch(r"\w[\w.-]{0,127}", tag, re.ASCII)):
            raise ImageError(f"-o {name}: expected LAYOUT or LAYOUT:TAG, a tag of up to 128 "
                             "letters, digits, '_', '.' and '-'")
        path = pathlib.Path(path)
        if path.exists() and not path.is_dir():
            raise ImageError(f"-o {name}: {path} is a file")
        if path.is_dir() and any(path.iterdir()) and not (path / "oci-layout").is_file():
            raise ImageError(f"-o {name}: {path} holds other files, and nothing is overwritten")
        return cls(path, tag or "latest")

    def _adopt(self, temporary, digest):
        os.chmod(temporary, 0o644)
        os.replace(temporary, self.path / "blobs" / digest.replace(":", "/"))

    def _write_blob(self, document, media_type):
        data = as_json(document)
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        with tempfile.NamedTemporaryFile(dir=self.path, delete=False) as file:
            file.write(data)
        self._adopt(file.name, digest)
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def _write_layer(self, files, compression, mtime):
        """Its descriptor and diff_id."""
        with tempfile.NamedTemporaryFile(dir=self.path, delete=False) as file:
            try:
                blob = HashingFile(file)
                if compression == "gzip":
                    with gzip.GzipFile("", "wb", compresslevel=6, fileobj=blob, mtime=0) as packed:
                        tar = HashingFile(packed)
                        write_tar(files, tar, mtime)
                else:
                    tar = blob
                    write_tar(files, tar, mtime)
            except BaseException:
                os.unlink(file.name)
                raise
        self._adopt(file.name, blob.digest)
        kind = LAYER if compression == "none" else f"{LAYER}+gzip"
        return {"mediaType": kind, "digest": blob.digest, "size": blob.size}, tar.digest

    def _replace(self, name, document):
        with tempfile.NamedTemporaryFile(dir=self.path, delete=False) as file:
            file.write(as_json(document))
        os.chmod(file.name, 0o644)
        os.replace(file.name, self.path / name)

    def write_image(self, image, compression):
        """Writes blobs, then the tag. The digest of the manifest."""
        all_files, run_config = image.layers(), image.config()  # may find that it cannot be made
        (self.path / "blobs/sha256").mkdir(parents=True, exist_ok=True)
        layers, diff_ids, history = [], [], []
        for files in all_files:
            descriptor, diff_id = self._write_layer(files, compression, image.created)
            layers.append(descriptor)
            diff_ids.append(diff_id)
            history.append({"created": image.created_text(), "created_by": files.created_by})
        config = self._write_blob({
            "created": image.created_text(), "architecture": image.architecture, "os": "linux",
            "config": run_config, "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": history}, CONFIG)
        manifest = self._write_blob({"schemaVersion": 2, "mediaType": MANIFEST, "config": config,
                                     "layers": layers}, MANIFEST)
        self._set_tag(manifest)
        return manifest["digest"].removeprefix("sha256:")

    def _set_tag(self, manifest):
        file = self.path / "index.json"
        index = json.loads(file.read_text()) if file.is_file() else {
            "schemaVersion": 2, "mediaType": INDEX, "manifests": []}
        index["manifests"] = [entry for entry in index.get("manifests", [])
                              if entry.get("annotations", {}).get(TAG) != self.tag]
        index["manifests"].append(manifest | {"annotations": {TAG: self.tag}})
        self._replace("oci-layout", {"imageLayoutVersion": "1.0.0"})
        self._replace("index.json", index)
