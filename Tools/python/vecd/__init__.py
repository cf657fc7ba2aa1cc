"""Client for vecd, the vector index database daemon.

    import vecd
    with vecd.connect() as db:
        db.create("posts", 64, "cosine")
        db.ingest("posts", ids, vectors)
        db.build_index("posts", "g1")
        db.publish("posts", "g1")
        result = db.search("posts", queries, k=10)
        result.ids, result.scores        # (n, 10) each
"""

from .attributes import Attribute, AttributeType
from .biases import Biases
from .client import Client, connect
from .errors import BadInput, ErrorCode, VecdError
from .exclusions import Exclusions
from .ingest import Ingest
from .models import Generation
from .publishing import PublishChecks, PublishResult
from .results import NO_ID, BuildResult, GetResult, SearchResult, WriteResult
from .wire import IdKind, Index, Limits, Metric, ModelPolicy, State

__version__ = "0.1.0"
__all__ = [
    "Attribute", "AttributeType", "BadInput", "Biases", "BuildResult", "Client", "ErrorCode", "Exclusions",
    "Generation", "GetResult", "IdKind", "Index", "Ingest", "Limits", "Metric", "ModelPolicy", "NO_ID", "PublishChecks",
    "PublishResult", "SearchResult", "State", "VecdError", "WriteResult", "connect",
]
