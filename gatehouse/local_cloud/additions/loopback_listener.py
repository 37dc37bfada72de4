"""The MQTT listener binds BIND_HOST, as the HTTP listener does.

The engine binds 0.0.0.0, so that a broker that trusts newly registered CAs would be reachable from the network.
"""

from ministack.services import iot

from gatehouse.local_cloud.additions import patch


def apply() -> None:
    patch.edit(iot, "_mtls_start_locked", ('host="0.0.0.0"', 'host=os.environ.get("BIND_HOST", "0.0.0.0")'))
