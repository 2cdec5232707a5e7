"""Networks that a user names, with what they take and answer."""
