"""The same mistake wherever it can be made: in every call of a helper, in every layer."""

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from identities.oracle.diagnosis.edits.evaluate import Edit
from identities.oracle.diagnosis.edits.program import Program
from identities.oracle.diagnosis.edits.proposals import Proposal, merged

_QUOTED = re.compile(r"`(?:return |[\w, ]+ = )?([\w.]+)\([^`]*`(?: \(line \d+\))?")
"""A call as it stands in a source, and what is called."""


def everywhere(proposals: Iterable[Proposal]) -> Iterator[Proposal]:
    """Of proposals that say the same, of one expression or of calls of one function, all together."""
    alike: dict[tuple[str, str], list[Proposal]] = {}
    for proposal in proposals:
        alike.setdefault((proposal.kind, _unquoted(proposal.says)), []).append(proposal)
    for (_, says), group in alike.items():
        if len(group) > 1:
            times = f"{_unquoted(group[0].times)}, everywhere"
            yield replace(group[0], says=f"{says}, everywhere", times=times, at=functools.partial(_all, group))


def _unquoted(says: str) -> str:
    return _QUOTED.sub(r"`\1(...)`", says)


def _all(group: list[Proposal], program: Program) -> Edit:
    return merged([proposal.at(program) for proposal in group])
