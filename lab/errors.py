"""Every way in which the lab fails on purpose.

    LabError                 something went wrong that the lab understands
    ├── UsageError           exit 2: the command, the scenario or the run given is not usable
    │   └── ScenarioError    ... a scenario file: names the file, the key, what was read and what is allowed
    ├── ProtocolError        bytes broke the rules of their format (SSE, HTTP, transfer-coding)
    ├── CapabilityError      this machine cannot do what was asked; carries the reason and the remedy
    ├── SocketOptionError    the kernel refused a socket option
    └── MeasurementError     exit 3: it ran, but what it gave is not a measurement
        ├── ChildFailed      ... a process of a repetition died or missed its deadline; carries its last words
        ├── ForgeEnded       ... the process that forks the repetitions ended: the run stops, and can be resumed
        └── StorageError     ... a result could not be written or read back

One rule: each message says what was tried, on what, why it failed and what to do. Foreign errors are translated once, at
the boundary where they appear. Whatever is not a `LabError` is a fault of the lab itself and exits 70.
"""


class LabError(Exception):
    """The root. Never raised itself, so that catching it never hides an unplanned failure."""

    exit_code = 70


class UsageError(LabError):
    """The command, file or run that was given cannot be used as it is."""

    exit_code = 2


class ScenarioError(UsageError):
    """A scenario that cannot be run as written. Raised before anything starts."""


class ProtocolError(LabError):
    """Bytes that break the rules of the format they claim to have."""

    exit_code = 3


class CapabilityError(LabError):
    """The machine cannot do what was asked: `reason` is what the kernel said, `remedy` what a person can do about it."""

    exit_code = 3

    def __init__(self, what: str, reason: str, remedy: str) -> None:
        super().__init__(what, reason, remedy)  # all of them, so that it survives the way between processes
        self.what = what
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}. {self.remedy}"


class SocketOptionError(LabError):
    """The kernel refused a socket option. Not raised when it only rounds a value: that is recorded."""

    exit_code = 2


class MeasurementError(LabError):
    """Something ran, but what came out is not a measurement."""

    exit_code = 3


class ChildFailed(MeasurementError):
    """A process of a repetition died or missed its deadline; `last_words` is the end of its stderr."""

    def __init__(self, message: str, last_words: str = "") -> None:
        super().__init__(message, last_words)
        self.last_words = last_words

    def __str__(self) -> str:
        return str(self.args[0])


class ForgeEnded(MeasurementError):
    """The process that forks the repetitions ended. Not raised for one of its children: that costs one repetition."""


class StorageError(MeasurementError):
    """A result could not be written or read: full disk, missing permission, torn file."""
