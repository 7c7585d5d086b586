"""Which private key the next certificate gets: one that is stored, one that is held, or a new one.

A key is only held in memory while an issuer of this process signs at once: losing it then costs one
more signature. As soon as anything slower depends on it, it is stored first.
"""

from certwright.pki.keys import PublicKey, unsupported, violations
from certwright.plan.actions import (
    WARNING,
    DeleteSecret,
    Event,
    ForgetKey,
    GenerateKey,
    ReuseKey,
    StoreNextKey,
)
from certwright.plan.names import next_key_name
from certwright.plan.policies import go_list
from certwright.plan.situation import Situation
from certwright.plan.world import SecretFacts

COMPONENT = "certificates-key-manager"


def choose(situation: Situation) -> tuple[str, bool]:
    """The name of the next private key, and whether it is only being made in this pass.

    An empty name means that no key can be had; the draft then says why.
    """
    if not situation.runs("key-manager"):
        return _given(situation), False
    stored = _adopt(situation)
    if stored is not None:
        situation.draft.set("next_private_key_secret_name", stored.metadata.name)
        return stored.metadata.name, False
    situation.draft.set("next_private_key_secret_name", None)  # what it named, if anything, is gone
    held = situation.world.held_key
    if held is not None:
        paths = violations(held.public, situation.spec.private_key)
        if not paths:
            return held.name, False
        situation.draft.before.append(ForgetKey(events=(_regenerating(paths),)))
    return _make(situation), True


def known(situation: Situation) -> PublicKey | None:
    """The public half of the key chosen, unless it is only being made in this pass."""
    named = situation.draft.fields.get("next_private_key_secret_name")
    for secret in situation.world.next_keys:
        if secret.metadata.name == named:
            return secret.key
    return situation.world.held_key.public if situation.world.held_key else None


def outlive_this_process(situation: Situation) -> None:
    """Store the held key, since something slow depends on it now; once it is stored, hold it no longer."""
    held = situation.world.held_key
    if held is None:
        return
    if situation.draft.fields.get("next_private_key_secret_name"):
        situation.draft.after.append(ForgetKey())
        return
    situation.draft.before.append(StoreNextKey(held.name))
    situation.draft.set("next_private_key_secret_name", held.name)


def _given(situation: Situation) -> str:
    """The key that somebody else made: the status names it, and it is there."""
    named = situation.certificate.status.next_private_key_secret_name
    for secret in situation.world.next_keys:
        fits = secret.key is not None and not violations(secret.key, situation.spec.private_key)
        if secret.metadata.name == named and fits:
            situation.draft.set("next_private_key_secret_name", named)
            return named
    situation.draft.say("waits for a next private key that is not made here", "somebody else")
    return ""


def _adopt(situation: Situation) -> SecretFacts | None:
    """The stored key to go on with; all others are deleted."""
    named = situation.certificate.status.next_private_key_secret_name
    candidates = [s for s in situation.world.next_keys if s.metadata.deletion_timestamp is None]
    if len(candidates) == 1 and not named:
        named = candidates[0].metadata.name
    chosen = None
    for secret in candidates:
        paths = violations(secret.key, situation.spec.private_key) if secret.key else []
        if secret.metadata.name == named and secret.key is not None and not paths:
            chosen = secret
        else:
            events = (_regenerating(paths),) if paths else ()
            delete = DeleteSecret(secret.metadata.name, secret.metadata.uid, events=events)
            situation.draft.before.append(delete)
    return chosen


def _make(situation: Situation) -> str:
    """Plan a new key, or the reuse of the present one, as rotationPolicy says."""
    spec = situation.spec.private_key
    name = next_key_name(situation.certificate, situation.moment)
    if spec is not None and spec.rotation_policy == "Never":
        reuse = _may_reuse(situation, situation.world.secret)
        if reuse is None:
            return ""
        if reuse:
            source = situation.spec.secret_name
            situation.draft.before.append(ReuseKey(name, source))
            text = f'Reusing private key stored in existing Secret resource "{source}"'
            _keep(situation, name, Event("Reused", text, COMPONENT))
            return name
    algorithm, size = (spec.algorithm if spec else "") or "RSA", spec.size if spec else 0
    if problem := unsupported(algorithm, size):
        situation.draft.events.append(Event("CannotGenerateKey", problem, COMPONENT, WARNING, once=True))
        situation.draft.check("a private key of this kind can be made", passed=False, detail=problem)
        situation.draft.say(f"cannot be issued: spec.privateKey: {problem}", "you")
        return ""
    situation.draft.before.append(GenerateKey(name, algorithm, size))
    text = (
        "Generated new private key, held in memory until it is stored with its certificate"
        if situation.world.signs_in_process
        else f'Stored new private key in temporary Secret resource "{name}"'
    )
    _keep(situation, name, Event("Generated", text, COMPONENT))
    return name


def _keep(situation: Situation, name: str, event: Event) -> None:
    """Have the key of this pass stored before anything else, unless it is used at once."""
    situation.draft.events.append(event)
    if not situation.world.signs_in_process:
        situation.draft.before.append(StoreNextKey(name))
        situation.draft.set("next_private_key_secret_name", name)


def _may_reuse(situation: Situation, secret: SecretFacts | None) -> bool | None:
    """True to reuse the Secret's key, False to make a new one, None when a user must act."""
    draft, name = situation.draft, situation.spec.secret_name
    if secret is None or not secret.filled("tls.key"):
        return False
    if secret.key is None:
        text = f'Failed to decode private key stored in Secret "{name}" - generating new key'
        draft.events.append(Event("DecodeFailed", text, COMPONENT, WARNING))
        return False
    paths = violations(secret.key, situation.spec.private_key)
    if not paths:
        return True
    text = (
        f'The private key in Secret "{name}" does not fit {go_list(paths)}, and '
        "spec.privateKey.rotationPolicy Never forbids making another one. Set it to Always, or "
        "delete the Secret, to have a new key made."
    )
    draft.events.append(Event("CannotRegenerateKey", text, COMPONENT, WARNING, once=True))
    draft.check("private key may be replaced", passed=False, detail=text)
    draft.say("cannot be issued: its private key does not fit and must not be replaced", "you")
    return None


def _regenerating(paths: list[str]) -> Event:
    text = f"Regenerating private key due to change in fields: {go_list(paths)}"
    return Event("Deleted", text, COMPONENT)
