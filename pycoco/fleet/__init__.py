"""Many images as a table: references in, a Parquet dataset out, on this machine's cores or on Dask or Ray.

It is not an engine: Dask or Ray run the parts where they are asked to, and `Client.inspect_many` reads the images. A
scan that was interrupted is continued by the same call. Needs `pycoco-oci[parquet]`, for Dask `pycoco-oci[fleet]`, for
Ray `pycoco-oci[ray]`. docs/fleet.md has the guarantees.
"""

from pycoco.fleet.engines import Completed, DaskClient, Engine, EngineName, WorkerLostError
from pycoco.fleet.part import Job, PartResult, Task
from pycoco.fleet.progress import Progress, Summary, Tally
from pycoco.fleet.reading import record_batch
from pycoco.fleet.references import References
from pycoco.fleet.scan import scan
from pycoco.fleet.schema import COLUMNS, RAW_COLUMNS, SCHEMA_VERSION, arrow_schema

__all__ = [
    "COLUMNS",
    "RAW_COLUMNS",
    "SCHEMA_VERSION",
    "Completed",
    "DaskClient",
    "Engine",
    "EngineName",
    "Job",
    "PartResult",
    "Progress",
    "References",
    "Summary",
    "Tally",
    "Task",
    "WorkerLostError",
    "arrow_schema",
    "record_batch",
    "scan",
]
