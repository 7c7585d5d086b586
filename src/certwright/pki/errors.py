"""The errors of this package, one per kind of input; not the errors of an API or of a signer elsewhere.

Everything that a caller can provoke with bytes or with a spec raises a `PKIError`. Messages never carry key
material.
"""


class PKIError(ValueError):
    """Base of all errors raised here; bytes or a spec are at fault, retrying the same input cannot help."""


class KeyDecodeError(PKIError):
    """A private or public key cannot be read, is inconsistent, or is of a kind that is not supported."""


class CertificateDecodeError(PKIError):
    """A certificate, or a list of them, cannot be read."""


class RequestDecodeError(PKIError):
    """A certificate signing request (PKCS#10) cannot be read."""


class ChainError(PKIError):
    """Certificates do not form one linear chain."""


class SubjectError(PKIError):
    """A subject or a subject alternative name of a spec cannot be encoded."""


class TemplateError(PKIError):
    """A spec, or a request compared with what was asked for, cannot be turned into something to sign."""


class SigningError(PKIError):
    """A signature cannot be made or does not verify."""


class KeystoreError(PKIError):
    """A keystore cannot hold what it is asked to hold."""
