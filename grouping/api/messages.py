"""Short messages to servers that strangers named: :func:`post_message`."""

from grouping.sources.web.http_post import PostAnswer, check_post_address, post_message

__all__ = ["PostAnswer", "check_post_address", "post_message"]
