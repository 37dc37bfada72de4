"""Whether several registered CAs could have given the same common name."""

from collections.abc import Callable, Collection

from cryptography import x509

from workflows.admission.facts import issuer_key
from workflows.admission.trial import is_trial

MOST_COMPARED = 16
"""The keys of at most this many CAs are compared. With more CAs, add issuer_key to the names in the inventory."""


def has_others(
    stored: Collection[str], ca_certificate_id: str, key: str, load: Callable[[str], x509.Certificate | None]
) -> bool:
    """Returns whether a CA with another key than `key` is registered: then a common name alone does not identify the device.

    `stored` are the ids of the CAs whose certificates are stored. `load` returns a CA's certificate, or None if it cannot be read or is
    not the CA's: such a file counts as another CA. The CA of a trial does not count, since its devices are never admitted.
    """
    others = sorted(set(stored) - {ca_certificate_id})
    return len(others) > MOST_COMPARED or any(_is_another(load(other), key) for other in others)


def _is_another(certificate: x509.Certificate | None, key: str) -> bool:
    return certificate is None or (not is_trial(certificate) and issuer_key(certificate) != key)
