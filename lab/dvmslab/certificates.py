"""A certificate authority for one lab, and a certificate for each host, where libvirt and QEMU look for them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .machine import run

DAYS_VALID = 30


def _key(path: Path) -> Path:
    # RSA, because libvirt asks for the key usage "key encipherment", which does not exist for elliptic curves.
    run("certtool", "--generate-privkey", "--key-type=rsa", "--bits=2048", "--outfile", str(path))
    path.chmod(0o600)
    return path


def create_authority(directory: Path) -> None:
    directory.mkdir(mode=0o700)
    template = directory / "ca.template"
    template.write_text(f'cn = "lab"\nca\ncert_signing_key\nexpiration_days = {DAYS_VALID}\n')
    run("certtool", "--generate-self-signed", "--load-privkey", str(_key(directory / "ca.key")),
        "--template", str(template), "--outfile", str(directory / "ca.pem"))


def issue(authority: Path, host: str, address: str, etc: Path) -> None:
    """Makes a certificate for a host, as server and as client, and places it under the host's /etc/pki."""
    template = authority / f"{host}.template"
    template.write_text(
        f'cn = "{host}"\ndns_name = "{host}"\nip_address = "{address}"\ntls_www_server\ntls_www_client\n'
        f"signing_key\nencryption_key\nexpiration_days = {DAYS_VALID}\n")
    key, certificate = _key(authority / f"{host}.key"), authority / f"{host}.pem"
    run("certtool", "--generate-certificate", "--load-privkey", str(key), "--template", str(template),
        "--load-ca-certificate", str(authority / "ca.pem"), "--load-ca-privkey", str(authority / "ca.key"),
        "--outfile", str(certificate))
    pki = etc / "pki"
    for source, targets in {
        authority / "ca.pem": ["CA/cacert.pem", "qemu/ca-cert.pem"],
        certificate: ["libvirt/servercert.pem", "libvirt/clientcert.pem", "qemu/server-cert.pem",
                      "qemu/client-cert.pem"],
        key: ["libvirt/private/serverkey.pem", "libvirt/private/clientkey.pem", "qemu/server-key.pem",
              "qemu/client-key.pem"],
    }.items():
        for target in targets:
            os.makedirs((pki / target).parent, exist_ok=True)
            shutil.copy(source, pki / target)
