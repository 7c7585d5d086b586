"""Whether the passwords are there of the keystores that a Certificate asks for. Pure; it sees no password.

Without them nothing is stored: no keystore without its password, and no Secret without its keystores.
"""

from certwright.api.certmanager import JKSKeystore, PKCS12Keystore
from certwright.pki import keystores
from certwright.plan.actions import WARNING, Event
from certwright.plan.situation import Situation

_REASON = "KeystorePasswordSecretNotFound"


def missing(situation: Situation) -> str:
    """What is wrong with the first password that cannot be had, PKCS#12 before JKS; "" if all can.

    It is told of in one event for each revision, not each time somebody looks.
    """
    problems = []
    for name, keystore in keystores.wanted(situation.spec).items():
        problem = _problem(situation, name, keystore)
        if not situation.draft.check(f"the {name.upper()} keystore has its password", not problem, problem):
            problems.append(problem)
    if not problems:
        return ""
    cause = f"revision {situation.next_revision}"
    event = Event(_REASON, problems[0], "certificates-issuing", WARNING, once=True, cause=cause)
    situation.draft.events.append(event)
    return problems[0]


def _problem(situation: Situation, name: str, keystore: JKSKeystore | PKCS12Keystore) -> str:
    reference, label = keystore.password_secret_ref, name.upper()
    if reference is None or not reference.name:
        return "" if keystore.password else f"{label} keystore has no password and no passwordSecretRef"
    seen = next((each for each in situation.world.passwords if each.keystore == name), None)
    if seen is None or seen.usable:
        return ""
    if not seen.exists:
        return f'{label} keystore password Secret "{reference.name}" not found'
    return f'{label} keystore password Secret "{reference.name}" holds no text under key "{reference.key}"'
