"""What the Hub or the network raises, as something that a person can act on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal
from urllib.parse import urlsplit

os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"  # read when it is imported

from huggingface_hub import constants, errors

from filiberto.errors import TryAgainError, UsageError

# Of whichever httpx this version of the library is built on.
HTTPError = errors.HTTPError  # pyright: ignore[reportPrivateImportUsage]


def passing(error: errors.HfHubHTTPError) -> bool:
    """Whether it may go well when it is tried again."""
    return error.response.status_code in (408, 429) or error.response.status_code >= 500


@contextmanager
def told(
    name: str,
    *,
    kind: Literal["data set", "model", "space", "treebank"] = "data set",
    what: str = "such file",
    host: str | None = None,
    sends: bool = False,
) -> Iterator[None]:
    """Turn what the Hub or the network raises into what a person can do about it.

    Args:
        name: OWNER/NAME of what is asked for.
        kind: what that is.
        what: is asked of it, in words that follow "has no".
        host: that is asked, if it is not the Hub.
        sends: whether something is sent there, not fetched.

    Raises:
        TryAgainError: the Hub cannot be reached, or is busy.
        UsageError: it has no such thing, or does not give it.
    """
    page = {"data set": f"datasets/{name}", "space": f"spaces/{name}"}.get(kind, name)
    host = host or urlsplit(constants.ENDPOINT).hostname or "the Hub"
    may, done = ("write", "sent") if sends else ("read", "fetched")
    try:
        yield
    except errors.GatedRepoError:
        raise UsageError(
            f"{name} is gated: {host} gives it to those who have accepted its conditions",
            hint=f"accept them on the page of {page}, then: export HF_TOKEN=YOUR_TOKEN",
        ) from None
    except errors.LocalEntryNotFoundError:
        missing = "there is no such folder" if kind == "model" else "it is not here"
        raise _try_again(f"{name}: {missing}, and {host} cannot be reached", done) from None
    except errors.EntryNotFoundError:
        raise UsageError(
            f"{name} has no {what}",
            hint=f"see its files on {host}: {page}/tree/main",
        ) from None
    except (errors.RepositoryNotFoundError, errors.HFValidationError):
        raise UsageError(
            f"{host} has no {kind} {name}, or it is private",
            hint="check the name (OWNER/NAME); a private one needs: export HF_TOKEN=YOUR_TOKEN",
        ) from None
    except errors.HfHubHTTPError as error:
        code = error.response.status_code
        if passing(error):
            raise _try_again(f"{host} answers {code} for {name}", done) from None
        if code in (401, 403):
            raise UsageError(
                f"{host} refuses {name} ({code})",
                hint=f"look at your token and what it may {may}: HF_TOKEN",
            ) from None
        raise UsageError(
            f"{host} answers {code} for {name}: {error.server_message or 'no reason given'}",
            hint="check the name",
        ) from None
    except errors.OfflineModeIsEnabled:
        raise UsageError(
            f"{name} must be {done}, and HF_HUB_OFFLINE forbids it", hint="unset HF_HUB_OFFLINE"
        ) from None
    except HTTPError as error:
        reason = str(error) or type(error).__name__
        raise _try_again(f"{name}: {host} cannot be reached: {reason}", done) from None


def _try_again(message: str, done: str) -> TryAgainError:
    return TryAgainError(
        message, hint=f"what was {done} is kept: run the same command again when it can be reached"
    )
