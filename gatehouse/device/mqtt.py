"""A device: MQTT 3.1.1 over mutual TLS, as AWS IoT devices use it. Every wait has a limit.

AWS IoT (https://docs.aws.amazon.com/iot/latest/developerguide/mqtt.html) closes the connection of a client whose certificate is not
ACTIVE, without a CONNACK: a device cannot distinguish pending from refused, and neither can this class.
"""

import enum
import queue
import ssl
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from gatehouse.stack.target import MqttEndpoint

_KEEPALIVE_SECONDS = 30
_AT_LEAST_ONCE = 1


class Connection(enum.StrEnum):
    """How an attempt to connect ended."""

    CONNECTED = "connected"
    CLOSED = "closed without an answer: the certificate is not active (pending, inactive, revoked or unknown)"
    NOT_AUTHORISED = "refused: no policy of the certificate allows this client id to connect"
    TLS_FAILED = "TLS failed: one side does not trust the other's certificate"
    UNREACHABLE = "cannot be reached"


class Message(NamedTuple):
    """A message that arrived on a topic."""

    topic: str
    payload: bytes


class MqttDevice:
    """One device with one certificate. Use as a context manager; ``connect`` may be called again after a refusal."""

    def __init__(self, endpoint: MqttEndpoint, *, certificate: Path, key: Path, client_id: str) -> None:
        self.endpoint = endpoint
        self.client_id = client_id
        self.why = ""
        """The reason of the last refusal or disconnection, if one was given."""
        self._certificate = certificate
        self._key = key
        self._client: paho.Client | None = None
        self._connected = threading.Event()
        self._disconnected = threading.Event()
        self._answered: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        self._subscribed: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def connect(self, within: float = 10.0) -> Connection:
        """Connect once. ``within`` is in seconds, for the TCP and TLS handshakes and again for the CONNACK."""
        self.close()
        client = self._new_client(within)
        try:
            client.connect(self.endpoint.host, self.endpoint.port, keepalive=_KEEPALIVE_SECONDS)
        except ssl.SSLError as error:
            self.why = str(error)
            return Connection.TLS_FAILED
        except OSError as error:
            self.why = f"{self.endpoint.host}:{self.endpoint.port}: {error}"
            return Connection.UNREACHABLE
        self._client = client
        client.loop_start()
        try:
            answer = self._answered.get(timeout=within)
        except queue.Empty:
            self.why = f"no CONNACK within {within:g} s"
            answer = Connection.UNREACHABLE
        if answer is not Connection.CONNECTED:
            self.close()
        return answer

    def publish(self, topic: str, payload: bytes | str, within: float = 5.0) -> bool:
        """Publish at QoS 1. Returns False if the broker does not acknowledge it: AWS IoT disconnects a device that may not publish."""
        info = self._require_client().publish(topic, payload, qos=_AT_LEAST_ONCE)
        deadline = time.monotonic() + within
        try:
            while not info.is_published() and time.monotonic() < deadline:
                if self._disconnected.wait(0.01):
                    break
            return info.is_published()
        except RuntimeError:  # paho: the session had ended before the message was sent
            return False

    def subscribe(self, topic: str, within: float = 5.0) -> bool:
        """Subscribe at QoS 1. Returns False if the broker refuses, disconnects or does not answer."""
        self._require_client().subscribe(topic, qos=_AT_LEAST_ONCE)
        try:
            return self._subscribed.get(timeout=within)
        except queue.Empty:
            return False

    def wait_for_message(self, within: float = 5.0) -> Message | None:
        """The next message of any subscription; None if there is none within that time."""
        try:
            return self._messages.get(timeout=within)
        except queue.Empty:
            return None

    def wait_for_disconnect(self, within: float = 5.0) -> bool:
        """Wait for the broker to end the session. Returns whether it did within that time."""
        return self._disconnected.wait(within)

    @property
    def connected(self) -> bool:
        """Whether the session is open, as far as this side knows."""
        return self._connected.is_set() and not self._disconnected.is_set()

    def close(self) -> None:
        """End the session, if there is one."""
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()
        self._connected.clear()
        self._disconnected.clear()

    def __enter__(self) -> "MqttDevice":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _require_client(self) -> paho.Client:
        if self._client is None:
            raise RuntimeError(f"{self.client_id} is not connected: call connect() first and check what it returns")
        return self._client

    def _new_client(self, within: float) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=self.client_id, protocol=paho.MQTTv311, reconnect_on_failure=False
        )
        client.connect_timeout = within
        client.tls_set(self.endpoint.ca_path, certfile=str(self._certificate), keyfile=str(self._key))
        self._answered = queue.SimpleQueue()
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = lambda _client, _data, message: self._messages.put(
            Message(message.topic, bytes(message.payload))
        )
        return client

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.why = str(reason)
        if reason.is_failure:
            self._answered.put(Connection.NOT_AUTHORISED)
        else:
            self._connected.set()
            self._answered.put(Connection.CONNECTED)

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.why = str(reason)
        self._disconnected.set()
        self._answered.put(Connection.CLOSED)
        self._subscribed.put(False)

    def _on_subscribe(self, _client: Any, _data: Any, _mid: Any, reasons: Any, _properties: Any) -> None:
        self._subscribed.put(not any(reason.is_failure for reason in reasons))
