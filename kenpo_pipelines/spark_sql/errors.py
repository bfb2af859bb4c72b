"""What is raised for SQL that has no checked Spark form.

What lives here: the error. What does not: deciding what has one (the other modules).
"""


class UntranslatableSQL(ValueError):
    """SQL that cannot be written for Spark so that it means the same; names where it stands and the construct."""

    def __init__(self, where: str, construct: str) -> None:
        super().__init__(f"{where}: Spark has no checked form of {construct}")
        self.where = where
        """Model, rule or step whose SQL it is."""
        self.construct = construct
        """What stands there, and what to write instead where that is known."""


class NoSparkForm(Exception):
    """The same inside this package, where it is not known yet whose SQL it is."""
