"""Which issuers there are: one dict, by the name of the spec member in lower case."""

from certwright.issuers.ca import CA
from certwright.issuers.contract import IssuerType
from certwright.issuers.selfsigned import SELF_SIGNED

ISSUER_TYPES: dict[str, IssuerType] = {issuer.name: issuer for issuer in (CA, SELF_SIGNED)}
