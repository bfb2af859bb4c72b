"""Reading record-level files as a stream: text to typed Parquet in one pass, whatever the size of the file."""

from kenpo_pipelines.submissions.streaming.checking import RecordCheck, check_record_file
from kenpo_pipelines.submissions.streaming.first_rows import first_grids
from kenpo_pipelines.submissions.streaming.reading import read_record_file
from kenpo_pipelines.submissions.streaming.result import BranchRows, RecordFile, StreamingError

__all__ = [
    "BranchRows",
    "RecordCheck",
    "RecordFile",
    "StreamingError",
    "check_record_file",
    "first_grids",
    "read_record_file",
]
