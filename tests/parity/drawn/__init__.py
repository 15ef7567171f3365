"""Fetching from registries whose behaviour hypothesis draws: the backends compared, and what nobody may do."""
