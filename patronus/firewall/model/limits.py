# SPDX-License-Identifier: GPL-2.0-or-later
"""How often a rule may match, for how many connections at a time, and how often it may write a line."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from patronus.core.model import Strict
from patronus.core.values import Frequency, Id, Rate

Per = Literal["source", "destination"]


class Limit(Strict):
    """The rule fits only while packets stay within the rate; what exceeds it goes on to the next rule.

    ``per`` counts for each source or destination address of its own. ``burst`` may come at once. With
    ``over`` it is turned round: the rule fits what exceeds the rate, and what is within it goes on.
    """

    rate: Rate = Field(description="most matches in a time")
    burst: Annotated[int, Field(ge=1, le=100_000, strict=True)] = Field(
        default=5, description="matches beyond that at once"
    )
    per: Per | None = Field(default=None, description="what is counted by itself")
    over: bool = Field(default=False, description="true: the rule fits what exceeds the rate")


class ConnectionLimit(Strict):
    """The rule fits only while so many of its connections are open; one more goes on to the next rule.

    ``per`` counts for each source or destination address of its own. With ``over`` it is turned round: the
    rule fits the connections that are too many.
    """

    most: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] = Field(
        description="connections that may be open at a time", examples=[20]
    )
    per: Per | None = Field(default=None, description="what is counted by itself")
    over: bool = Field(default=False, description="true: the rule fits the connections beyond that")


class Log(Strict):
    """Write what the rule decides to the journal, at most so often."""

    rate: Rate = Field(default=Frequency(10, 1), description="most log lines in a time")
    burst: Annotated[int, Field(ge=1, le=1000, strict=True)] = Field(
        default=20, description="log lines beyond that at once"
    )
    prefix: Id | None = Field(default=None, description="a word in each line, to search for")
