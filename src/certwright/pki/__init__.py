"""Bytes in, bytes out: keys, names, CSRs, chains, signing, matching, renewal time. No I/O, no Kubernetes."""
