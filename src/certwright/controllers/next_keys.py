"""The private keys of issuances under way: made, reused, held in memory, stored. Which one is used, and
when it is stored, is decided in `plan.next_key`.
"""

import asyncio
from concurrent.futures import Executor

from certwright.api import annotations as ann
from certwright.api.foreign import Secret
from certwright.api.meta import SECRETS, ManagedObjectMeta
from certwright.controllers.engine import Replan, Retry
from certwright.controllers.held_keys import HeldKeys
from certwright.controllers.secrets import Secrets
from certwright.kube.client import Client
from certwright.kube.errors import AlreadyExists
from certwright.pki import keys
from certwright.pki.errors import PKIError
from certwright.plan import actions, target_secret
from certwright.plan.secret_facts import secret_facts
from certwright.plan.world import CertificateWorld

KEY_MANAGER = "cert-manager-certificates-key-manager"


class NextKeys:
    """Performs the actions about next private keys.

    `executor` makes RSA keys, which take long and let go of the interpreter while they do.
    """

    def __init__(self, client: Client, secrets: Secrets, held: HeldKeys, executor: Executor) -> None:
        self._client = client
        self._secrets = secrets
        self._held = held
        self._executor = executor

    async def generate(self, world: CertificateWorld, action: actions.GenerateKey) -> None:
        """Make a key and hold it. Raises Retry where OpenSSL cannot make one."""
        try:
            if action.algorithm == "RSA":
                loop = asyncio.get_running_loop()
                pem = await loop.run_in_executor(self._executor, keys.generate, action.algorithm, action.size)
            else:
                pem = keys.generate(action.algorithm, action.size)
        except PKIError as error:
            raise Retry(f"no private key can be made: {error}") from None
        self._held.put(world.key, action.name, pem)

    async def reuse(self, world: CertificateWorld, action: actions.ReuseKey) -> None:
        """Hold the key of a Secret. Raises Replan when it is not there any more."""
        secret = await self._secrets.live(world.key[0], action.secret_name)
        if secret is None or not secret.data.get("tls.key"):
            raise Replan
        self._held.put(world.key, action.name, secret.data["tls.key"])

    async def forget(self, world: CertificateWorld, action: actions.ForgetKey) -> None:
        """Hold no key any longer."""
        del action
        self._held.drop(world.key)

    async def store(self, world: CertificateWorld, action: actions.StoreNextKey) -> None:
        """Make the held key durable. Raises Replan when it is not held, or its name is taken."""
        key = world.key
        pem = self._held.pem(key, action.name)
        if pem is None:
            raise Replan
        secret = Secret(
            metadata=ManagedObjectMeta(
                name=action.name,
                namespace=key[0],
                labels={ann.PART_OF: "true", ann.NEXT_PRIVATE_KEY: "true"},
                owner_references=[target_secret.owner_reference(world.certificate)],
            ),
            data={"tls.key": keys.encode(pem, "PKCS8")},
        )
        try:
            stored = await self._client.create(SECRETS, secret, field_manager=KEY_MANAGER)
        except AlreadyExists:
            self._held.drop(key)  # the next pass makes a key under another name
            raise Replan from None
        self._secrets.labelled.put(secret_facts(stored))

    async def pem(self, world: CertificateWorld, name: str) -> bytes:
        """The next private key of this name: from memory, or else from its Secret."""
        key = world.key
        pem = self._held.pem(key, name)
        if pem is not None:
            return pem
        secret = await self._secrets.live(key[0], name) if name else None
        if secret is None or not secret.data.get("tls.key"):
            raise Replan
        return secret.data["tls.key"]
