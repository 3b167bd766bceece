"""The subcommands of ``wushu``: each a frozen dataclass of its options, which does its job when called."""
