"""What an error of Spark is about: the text of the SQL, machines, or rows.

What lives here: telling them apart. What does not: what is done about it (``spark_session``, ``faults``). Errors are known by
the names and modules of their types: pyspark is not imported where Spark is not the engine.
"""

_SPEAK_TO_SPARK = ("pyspark", "py4j", "grpc")
_LOST = (
    "ExecutorLostFailure",
    "FetchFailed",
    "SparkContext was shut down",
    "stopped SparkContext",
    "All masters are unresponsive",
    "Answer from Java side is empty",
    "error occurred while trying to connect to the Java server",
    "StatusCode.UNAVAILABLE",
    "Connection refused",
)
"""In errors of Spark and of what speaks to it: machines that went away while it worked, after its own tries."""


def is_about_machines(error: BaseException) -> bool:
    """True for an error of Spark's that says that machines went away: the same work can succeed later."""
    return _is_of_spark(error) and any(words in str(error) for words in _LOST)


def is_about_sql(error: BaseException) -> bool:
    """True for an error of Spark's about the text of a query, such as a column that does not exist."""
    return _is_of_spark(error) and any(one.__name__ == "AnalysisException" for one in type(error).__mro__)


def may_quote_rows(error: BaseException) -> bool:
    """True for errors of Spark whose text may hold values of rows."""
    return _is_of_spark(error) and not is_about_sql(error) and not is_about_machines(error)


def _is_of_spark(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in _SPEAK_TO_SPARK
