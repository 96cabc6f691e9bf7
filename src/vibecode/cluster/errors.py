"""What can go wrong with the tools, the cluster and what is installed in it."""

from __future__ import annotations

from vibecode.domain.errors import VibeCodeError


class ClusterUnavailable(VibeCodeError):
    """Docker, a tool or the cluster itself can't be used; the sentence says what to do next."""

    code = "cluster_unavailable"
    title = "The cluster can't be used"
    status = 503


class CommandFailed(ClusterUnavailable):
    """A tool ended with a failure that no other sentence was found for.

    Parameters
    ----------
    detail
        One sentence.
    output
        What the tool printed, for those who look for a reason in it.
    """

    def __init__(self, detail: str, *, output: str = "") -> None:
        super().__init__(detail)
        self.output = output
