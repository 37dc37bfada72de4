"""Errors of the revocation process.

    MayWorkLater
    └── CrlStoreUnavailable     the lists could not be read, so the status of a certificate is not known
    GatehouseError
    ├── AdmissionStillOpen      the admission of a certificate has not ended: tried again, then left to the next sweep
    ├── RevocationUnderWay      another sweep revokes the certificate now: tried again, then left to the next sweep
    └── CrlIndexUnusable        an index is incomplete, damaged, or of another list: the list is read instead

A list that breaks a rule is not an error: it is reported in the verdict's ``not_counted``, or as ``publication.Rejected``.
"""

from workflows.errors import GatehouseError, MayWorkLater


class CrlStoreUnavailable(MayWorkLater):
    """The store of revocation lists did not answer. A status that is not known is never "not revoked"."""


class CrlIndexUnusable(GatehouseError):  # noqa: N818 - named for what the operator sees
    """An index cannot be used. The caller reads the list instead, and never a part of an index."""


class AdmissionStillOpen(GatehouseError):  # noqa: N818 - named for what the console shows
    """The certificate's admission has not ended. It is marked and cannot activate any more; the certificate is revoked after the end."""


class RevocationUnderWay(GatehouseError):  # noqa: N818 - named for what the console shows
    """Another sweep, for another list or for the CA, revokes the certificate now. One of them seals it; the other changes nothing."""
