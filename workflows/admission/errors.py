"""What can go wrong in an admission. The state machine retries and catches by these class names.

`AwsUnavailable` and `AccessRefused`, which every process raises, are in `workflows/errors.py`. Caught by name (`WillNeverWork`):
    EventMalformed          the execution was not started by a registration event         → Fail
    TurnLost                the lane that lent the turn needed it, or it has lapsed       → Claim admission, for another
    AdmissionNotOwned       another execution or a sweep has taken the admission over     → Fail, nothing is changed
    CertificateUnknown      AWS IoT does not know the certificate (it was deleted)        → Hold
    IssuerMismatch          the bucket of lists has a wrong certificate or note of the CA → Hold
    CertificateChanged      it was revoked, or somebody changed its status, meanwhile     → Hold; → Roll back after activation
    ApprovalLapsed          the time to carry the approval out has passed                 → Hold
    DeviceBoundElsewhere    the device was bound to another certificate meanwhile         → Hold
    ThingRefused            AWS IoT does not accept this thing, type or group             → Roll back
    PolicyRefused           AWS IoT does not accept this policy                           → Roll back
"""

from typing import TYPE_CHECKING

from workflows.errors import WillNeverWork

if TYPE_CHECKING:
    from cryptography import x509


class EventMalformed(WillNeverWork):
    """The input is not a certificate registration event."""


class TurnLost(WillNeverWork):
    """The turn may not be used: the lane that lent it needed it, or its time passed long ago. Take another turn."""


class AdmissionNotOwned(WillNeverWork):
    """This execution does not own the certificate's admission, or no longer owns it. It must change nothing."""


class CertificateUnknown(WillNeverWork):
    """AWS IoT does not know this certificate id."""


class IssuerMismatch(WillNeverWork):
    """The bucket of lists has a wrong file of the CA. An operator deletes the file.

    The CA's certificate there is not the one that AWS IoT has under its id, or there is a note of a trial and the CA is not a trial's.

    `registered` is the certificate that AWS IoT has; None if it does not know the CA.
    """

    def __init__(self, message: str, registered: "x509.Certificate | None" = None) -> None:
        self.registered = registered
        super().__init__(message)


class CertificateChanged(WillNeverWork):
    """Somebody else changed the certificate's status in AWS IoT during the admission."""


class ApprovalLapsed(WillNeverWork):
    """`execute_by` has passed: the approval may no longer be carried out."""


class DeviceBoundElsewhere(WillNeverWork):
    """The device is bound to another certificate than at the time of the decision."""


class ThingRefused(WillNeverWork):
    """AWS IoT refuses the thing, its type or one of its groups as asked for."""


class PolicyRefused(WillNeverWork):
    """AWS IoT refuses the policy document, or to attach it."""
