"""A certificate authority of the tests' own, made with the openssl command."""

import ssl
import subprocess


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """root → intermediate → the certificates it issues."""

    def __init__(self, folder):
        self.folder = folder
        self.root = folder / "root.pem"
        openssl("req", "-x509", *self.new_key("root"), "-subj", "/CN=test root", "-days", 30,
                "-out", self.root)
        self.sign("intermediate", "/CN=test intermediate", "basicConstraints=critical,CA:true",
                  signer="root")

    def new_key(self, name):
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                self.folder / f"{name}.key")

    def sign(self, name, subject, extensions, days=30, signer="intermediate"):
        request, settings = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        settings.write_text(extensions + "\n")
        openssl("req", *self.new_key(name), "-subj", subject, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.folder / f"{signer}.pem", "-CAkey",
                self.folder / f"{signer}.key", "-CAcreateserial", "-days", days, "-extfile",
                settings, "-out", self.folder / f"{name}.pem")

    def issue(self, name, days=30):
        """(certificate with its chain, key) for localhost; `name` is the common name."""
        self.sign(name, f"/CN={name}", "subjectAltName=DNS:localhost,IP:127.0.0.1", days)
        chain = self.folder / f"{name}-chain.pem"
        chain.write_text((self.folder / f"{name}.pem").read_text()
                         + (self.folder / "intermediate.pem").read_text())
        return chain, self.folder / f"{name}.key"

    def trust(self):
        """For a client that knows the root alone."""
        context = ssl.create_default_context(cafile=str(self.root))
        context.set_alpn_protocols(["http/1.1"])
        return context
