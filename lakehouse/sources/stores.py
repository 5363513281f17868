"""What an object store says when a source cannot be listed or read, as our errors."""

from __future__ import annotations

import re

from lakehouse.errors import StepError, TransientError
from lakehouse.sources.filesystem import scheme_of

_REFUSED = re.compile(
    r"ACCESS_DENIED|INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH|INVALID_SIGNATURE|EXPIRED|INVALID_\w*TOKEN|"
    r"MISSING_AUTHENTICATION_TOKEN|UNRECOGNIZED_CLIENT|ExpiredToken|InvalidToken|HTTP status 40[013]"
)
"""In the words of AWS's client; a question that is answered without a text has only the number of its status."""
_AWAY = re.compile(
    r"NETWORK_CONNECTION|REQUEST_TIMEOUT|SLOW_DOWN|THROTTLING|SERVICE_UNAVAILABLE|INTERNAL_FAILURE|HTTP status 50[0-9]"
)
_WHERE = "see the endpoint and the region under `storage` of the environment"


def raise_if_away(path: str, error: Exception) -> None:
    """Raise TransientError when it is the store that does not answer: nothing is wrong with the file then."""
    if scheme_of(path) and _AWAY.search(str(error)):
        raise TransientError(f"{path} cannot be read: {error}", code="store.unreachable", fix=_WHERE) from error


def cannot_list(path: str, error: OSError) -> StepError:
    """The error for a source whose path the store does not list; a TransientError where it may do so later."""
    said = f"{path} cannot be listed: {error}"
    if _AWAY.search(str(error)):
        return TransientError(said, code="store.unreachable", fix=_WHERE)
    if _REFUSED.search(str(error)):
        fix = (
            "see the keys under `storage` of the environment, or, without any, those of the machine; the one who has "
            "them needs the right to list the bucket and to read its objects"
        )
        return StepError(said, code="store.access", fix=fix)
    return StepError(said, code="source.path")


def no_bucket(bucket: str, path: str) -> StepError:
    """The error for a path in a bucket or container that the store does not have."""
    return StepError(
        f"the source's path {path} does not exist: the store has no bucket or container {bucket!r}",
        code="source.path",
        fix=f"make it, correct `path`, or {_WHERE}",
    )
