"""Errors of the revocation process.

    MayWorkLater
    └── CrlStoreUnavailable     the lists could not be read: says nothing about any certificate
    GatehouseError
    ├── AdmissionStillOpen      the sweep met an admission that is not over: tried again, then left to the next sweep
    ├── RevocationUnderWay      another sweep is revoking the certificate now: tried again, then left to the next sweep
    └── CrlIndexUnusable        an index is missing a part, damaged, or not its list's: fall back to the list

A list that breaks a rule is neither: it is reported in the verdict's ``not_counted``, or as ``publication.Rejected``.
"""

from workflows.errors import GatehouseError, MayWorkLater


class CrlStoreUnavailable(MayWorkLater):
    """The store of revocation lists did not answer. "We could not find out" is never "not revoked"."""


class CrlIndexUnusable(GatehouseError):  # noqa: N818 - named for what the operator sees
    """An index cannot be relied on. The caller answers from the list itself; never from a part of an index."""


class AdmissionStillOpen(GatehouseError):  # noqa: N818 - named for what the console shows
    """The certificate's admission is not over. It is marked and can activate no more; it is revoked once the admission has ended."""


class RevocationUnderWay(GatehouseError):  # noqa: N818 - named for what the console shows
    """Another sweep, for another list or for the CA, is revoking the certificate now. One of them seals it; the other finds it done."""
