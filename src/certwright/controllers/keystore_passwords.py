"""Reads the passwords of keystores and waits for those that are missing; what follows is decided in `plan`.

A password is read when a Secret is about to be written, and not kept. Only Secrets in which one was found
missing are watched, until it is there.
"""

from certwright.api.certmanager import Certificate
from certwright.api.foreign import Secret
from certwright.api.references import SecretKeySelector
from certwright.controllers.engine import Replan
from certwright.controllers.secrets import Secrets
from certwright.pki import keystores
from certwright.pki.keystores import Passwords
from certwright.plan.world import CertificateWorld, KeystorePassword

Key = tuple[str, str]


class KeystorePasswords:
    """The passwords that Certificates refer to, and which of the Certificates wait for one."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._waiting: dict[Key, set[str]] = {}

    async def seen(self, certificate: Certificate) -> tuple[KeystorePassword, ...]:
        """What is known of the passwords of a Certificate that waits for one; nothing of others."""
        namespace = certificate.metadata.namespace
        key = (namespace, certificate.metadata.name)
        if key not in self._waiting:
            return ()
        wanted = references(certificate)
        self._wait(key, {reference.name for reference in wanted.values()})
        return tuple(
            [
                password_fact(name, reference, await self._secrets.referred(namespace, reference.name))
                for name, reference in wanted.items()
            ]
        )

    async def read(self, world: CertificateWorld) -> Passwords:
        """The passwords to write keystores with. Raises Replan when one is missing: then it is waited for."""
        namespace, found = world.key[0], {}
        for name, keystore in keystores.wanted(world.certificate.spec).items():
            reference = keystore.password_secret_ref
            if reference is None or not reference.name:
                found[name] = keystore.password or ""
                continue
            waiting = world.key in self._waiting
            read = self._secrets.referred if waiting else self._secrets.live
            password = _text(await read(namespace, reference.name), reference)
            if not password:
                self._wait(world.key, {each.name for each in references(world.certificate).values()})
                raise Replan
            found[name] = password
        return Passwords(**found)

    def forget(self, key: Key) -> None:
        """Wait for nothing on behalf of this Certificate any longer."""
        if key in self._waiting:
            self._wait(key, set())

    def _wait(self, key: Key, names: set[str]) -> None:
        if self._waiting.get(key) == names:
            return
        if names:
            self._waiting[key] = names
        else:
            self._waiting.pop(key, None)
        wanted = {(namespace, name) for (namespace, _), each in self._waiting.items() for name in each}
        self._secrets.keep_only("certificates", wanted)


def references(certificate: Certificate) -> dict[str, SecretKeySelector]:
    """The passwords that are kept in Secrets, by the format of the keystore."""
    return {
        name: keystore.password_secret_ref
        for name, keystore in keystores.wanted(certificate.spec).items()
        if keystore.password_secret_ref is not None and keystore.password_secret_ref.name
    }


def password_index(certificate: Certificate) -> list[str]:
    """Index of Certificates by the Secrets of their keystores' passwords: `namespace/name`."""
    return [
        f"{certificate.metadata.namespace}/{reference.name}" for reference in references(certificate).values()
    ]


def password_fact(name: str, reference: SecretKeySelector, secret: Secret | None) -> KeystorePassword:
    """What a plan may know of a password."""
    return KeystorePassword(name, secret is not None, bool(_text(secret, reference)))


def _text(secret: Secret | None, reference: SecretKeySelector) -> str:
    """The password, or "" where there is none."""
    if secret is None:
        return ""
    try:
        return (secret.data or {}).get(reference.key, b"").decode()
    except UnicodeDecodeError:
        return ""
