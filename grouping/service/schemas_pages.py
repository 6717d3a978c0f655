"""What is sent and answered about links and by the pages for people, with examples."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from grouping.service.schemas import Sent
from grouping.service.schemas_questions import Share

DAY = 86_400
LONGEST_GUEST_LINK = 90 * DAY
LONGEST_PAGE_LINK = 7 * DAY


class NewGuestLink(Sent):
    """A link for the guests of an event."""

    expires_in_s: int = Field(
        7 * DAY, strict=True, ge=60, le=LONGEST_GUEST_LINK, examples=[7 * DAY]
    )


class NewPageLink(Sent):
    """A link for those who look after an album."""

    expires_in_s: int = Field(DAY, strict=True, ge=60, le=LONGEST_PAGE_LINK, examples=[DAY])
    may_save: bool = Field(
        True, strict=True, description="whether corrections may be saved through it"
    )


class LinkAnswer(BaseModel):
    """A link that opens in a browser; whoever has it may use it."""

    url: str = Field(
        examples=["https://photos.example.org/v1/albums/kT0mC9h4Qm2r7Yp1Zs8vXA/me?t=…"]
    )
    expires_at: datetime


class GuestPhoto(BaseModel):
    """A photo that a guest is in."""

    address: str = Field(
        description="relative to the guest page, for an hour; with `?size=small` it is small",
        examples=["me/photos/MQpwaG90bwo.XyZ"],
    )
    sure: bool = Field(description="false where only this one face is alike")
    focus: tuple[Share, Share] = Field(
        description="where the guest's face is, in shares of the photo's sides",
        examples=[(0.42, 0.3)],
    )


class GuestAnswer(BaseModel):
    """The photos of whoever is in the selfie."""

    outcome: Literal["found", "nobody", "unsure"] = Field(
        description="unsure: the selfie is too poor to tell"
    )
    photos: list[GuestPhoto]


class JobState(BaseModel):
    """How far an album is that is grouped again."""

    state: Literal["queued", "running", "done", "failed"]
    error: str | None = None
