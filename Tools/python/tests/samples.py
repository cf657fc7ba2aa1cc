"""One sample of every message, every field different from its neighbours and from 0 where it can be."""

import numpy as np

from vecd import protocol as p
from vecd.filter import parse
from vecd.records import AttributeType, Record
from vecd.wire import Effort, Element, Fields, Index, Metric, ModelPolicy, State

RECORDS = [
    Record(((0, AttributeType.INT, -5), (2, AttributeType.FLOAT, -0.0), (3, AttributeType.BOOL, True)), b"\0payload"),
    Record(((1, AttributeType.KEYWORD, "é"), (63, AttributeType.KEYWORDS, ["", "a", "b\0"]))),
    Record(()),
]
RECORD_BYTES = b"".join(record.encode() for record in RECORDS)
CHECKED = p.PublishRequest(
    "posts", "g3", False, "", 2**63, 0.5, 0.25, 0.75, 1.5, 0.125, "dssm@7", 200,
    p.Queries(2, 3, np.arange(6, dtype="<f4")), p.Queries(2, 3, -np.arange(6, dtype="<f4")), True)

SAMPLES: list[tuple[str, p.Message]] = [
    ("request", p.HelloRequest(1, 2, "client é")),
    ("reply", p.HelloReply(1, "vecd 0.1.0", 64 << 20, 256, 16384, 4096)),
    ("request", p.PingRequest(b"\0\1\2 opaque")),
    ("reply", p.PingReply(b"")),
    ("request", p.CreateRequest("posts", 64, Metric.COSINE)),
    ("reply", p.CreateReply()),
    ("request", p.ListRequest()),
    ("reply", p.ListReply([
        p.Collection("a", 2, Metric.IP, 3, "g1", 4, 5, ""),
        p.Collection("b", 6, Metric.L2, 2**63, "", 0, 0, "segment x is damaged"),
    ])),
    ("reply", p.ListReply([])),
    ("request", p.DropRequest("posts", "")),
    ("reply", p.DropReply()),
    ("request", p.IngestBeginRequest("posts", "2026-11-24T04:00")),
    ("reply", p.IngestBeginReply(9, "g1", 64, Metric.IP)),
    ("request", p.IngestRowsRequest(
        9, Element.F32, 2, 3, np.array([5, 2**64 - 1, 0], "<u8"), np.arange(6, dtype="<f4"))),
    ("request", p.IngestRowsRequest(9, Element.F16, 2, 1, np.array([5], "<u8"), np.array([1.5, -2], "<f2"))),
    ("request", p.IngestRowsRequest(9, Element.BF16, 1, 2, np.array([5, 6], "<u8"), np.array([0x3F80, 0xBF80], "<u2"))),
    ("reply", p.IngestRowsReply(3)),
    ("request", p.IngestCommitRequest(9)),
    ("reply", p.IngestCommitReply(3, 1000, Element.BF16, 17)),
    ("request", p.IngestAbortRequest(9)),
    ("reply", p.IngestAbortReply()),
    ("request", p.BuildIndexRequest("posts", "g1", Index.FLAT, True, 0, 0, 0, np.array([], "<f4"))),
    ("request", p.BuildIndexRequest("posts", "", Index.AUTO, False, 0.5, 2, 3, np.arange(6, dtype="<f4"))),
    ("reply", p.BuildIndexReply("g1", '{"index":"flat"}')),
    ("request", p.PublishRequest("posts", "g2", True, "g1")),
    ("reply", p.PublishReply(18, "g1")),
    ("request", p.RollbackRequest("posts")),
    ("reply", p.RollbackReply(19, "g1", "g2")),
    ("request", p.VerifyRequest("posts")),
    ("reply", p.VerifyReply(3, 4096, [p.Finding("posts", "x.vseg", "block 3 of vectors fails its checksum")])),
    ("request", p.GenerationsRequest("posts")),
    ("reply", p.GenerationsReply([
        p.Generation("g1", 1, State.LIVE, Index.FLAT, 10, 100, 1, 1_700_000_000_000, 5, -1, 0.5, "failed once")])),
    ("request", p.SearchRequest(
        "posts", "", 10, Effort.RECALL, 0x3F733333, Index.AUTO, 2, 3, 4, np.arange(24, dtype="<f4"))),
    ("reply", p.SearchReply(
        "g1", 1, 18, Index.IVF, 24, 0.5, 3, np.array([2, 0, 1], "<u4"), np.array([7, 5, 2**64 - 1], "<u8"),
        np.array([1, 0.5, -3], "<f4"), np.array([0, 1, 7], "u1"))),
    ("request", p.GetRequest("posts", "g1", 2, np.array([7, 8], "<u8"))),
    ("reply", p.GetReply("g1", 2, 3, np.array([1, 0, 1], "u1"), np.arange(4, dtype="<f4"))),
    ("request", p.StatsRequest()),
    ("reply", p.StatsReply('{"version":"vecd 0.1.0"}')),
    ("request", p.SearchRequest(
        "posts", "g1", 10, Effort.EXACT, 0, Index.AUTO, 1, 1, 2, np.arange(2, dtype="<f4"), 2**63 + 5)),
    ("request", p.UpsertRequest(
        "posts", "g1", bytes(range(1, 17)), 2, 3, np.array([5, 2**64 - 1, 0], "<u8"), np.arange(6, dtype="<f4"))),
    ("reply", p.UpsertReply("g1", 20, 2, False)),
    ("request", p.DeleteRequest("posts", "", p.NO_TOKEN, 2, np.array([5, 6], "<u8"))),
    ("reply", p.DeleteReply("g1", 21, 0, True)),
    ("request", p.SealRequest("posts", "g1")),
    ("reply", p.SealReply('{"rows":3}')),
    ("request", p.CompactRequest("posts", "")),
    ("reply", p.CompactReply('{"rows":3}')),
    ("request", p.SnapshotRequest("before")),
    ("reply", p.SnapshotReply('{"path":"snapshots/before"}')),
    ("request", p.CancelBuildRequest("posts", "g2")),
    ("reply", p.CancelBuildReply(True)),
    ("request", p.CreateRequest("posts", 64, Metric.COSINE, [
        p.AttributeDefinition("price", AttributeType.FLOAT), p.AttributeDefinition("tags", AttributeType.KEYWORDS)])),
    ("request", p.IngestRowsRequest(
        9, Element.F16, 1, 3, np.array([5, 6, 7], "<u8"), np.array([1.5, -2, 0], "<f2"), RECORD_BYTES)),
    ("request", p.UpsertRequest(
        "posts", "", p.NO_TOKEN, 1, 3, np.array([5, 6, 7], "<u8"), np.arange(3, dtype="<f4"), RECORD_BYTES)),
    ("request", p.SearchRequest(
        "posts", "g1", 10, Effort.EXACT, 0, Index.AUTO, 1, 1, 2, np.arange(2, dtype="<f4"), 5,
        (np.array([5, 9], "<u8"),), -0.5, parse('price < 20 and tags has "live"').encode(), Fields.ATTRIBUTES | Fields.PAYLOAD)),
    ("reply", p.SearchReply(
        "g1", 1, 18, Index.FLAT, 0, 1.0, 2, np.array([2, 1], "<u4"), np.array([7, 5, 2**64 - 1], "<u8"),
        np.array([1, 0.5, -3], "<f4"), np.zeros(3, "u1"), RECORDS)),
    ("request", p.GetRequest("posts", "", 2, np.array([7, 8], "<u8"), Fields.PAYLOAD)),
    ("reply", p.GetReply("g1", 1, 4, np.array([1, 0, 1, 1], "u1"), np.arange(3, dtype="<f4"), RECORDS)),
    ("request", p.DescribeRequest("posts")),
    ("reply", p.DescribeReply(2, p.Metric.L2, [p.AttributeDefinition("tags", AttributeType.KEYWORDS)])),
    ("request", p.AddAttributeRequest("posts", "stock", AttributeType.INT)),
    ("reply", p.AddAttributeReply(63)),
    ("request", p.ExcludeRequest("posts", "user-17", 60, 2, np.array([5, 2**64 - 1], "<u8"))),
    ("reply", p.ExcludeReply(65_536)),
    ("request", p.ForgetExclusionsRequest("posts", "user-17")),
    ("reply", p.ForgetExclusionsReply(True)),
    ("request", p.ExclusionsRequest("posts", "user-18")),
    ("reply", p.ExclusionsReply(2, np.array([5, 2**64 - 1], "<u8"), np.array([-1, 1_800_000_000_000], "<i8"))),
    ("request", p.IngestBeginRequest("posts", "", "dssm@7")),
    ("request", CHECKED),
    ("reply", p.PublishReply(19, "g2", '{"passed":true,"checks":[]}')),
    ("request", p.GenerationsRequest("posts", True)),
    ("reply", p.GenerationsReply([
        p.Generation("g1", 1, State.RETIRED, Index.FLAT, 10, 100, 1, 5, 6, 7, -1, ""),
        p.Generation("g2", 2, State.LIVE, Index.HNSW, 10, 100, 1, 5, 6, 7, -1, "")], ("", "dssm@7"))),
    ("request", p.SearchRequest(
        "posts", "", 10, Effort.EXACT, 0, Index.AUTO, 2, 1, 1, np.arange(2, dtype="<f4"), exclude_sets=("user-17",),
        model="dssm@7", group=p.Group("brand", 2))),
    ("request", p.UpsertRequest(
        "posts", "", p.NO_TOKEN, 1, 1, np.array([5], "<u8"), np.arange(1, dtype="<f4"), model="dssm@7")),
    ("reply", p.DescribeReply(2, p.Metric.L2, [], ModelPolicy.COUNT, 1000, 0.25)),
    ("request", p.ConfigureRequest("posts", ModelPolicy.ROUTE, 1000, 0.25)),
    ("reply", p.ConfigureReply()),
    ("request", p.CapturedQueriesRequest("posts", "g1")),
    ("reply", p.CapturedQueriesReply(3, 2, np.arange(6, dtype="<f4"))),
    ("request", p.PublishTogetherRequest([CHECKED, p.PublishRequest("items", "g1", True, "", dry_run=True)])),
    ("reply", p.PublishTogetherReply([p.PublishReply(20, "g2", "{}"), p.PublishReply(7, "", "{}")])),
    ("request", p.SearchRequest(
        "posts", "", 10, Effort.EXACT, 0, Index.AUTO, 1, 1, 2, np.arange(2, dtype="<f4"), log_sum_exp=0.5,
        bias="boost")),
    ("request", p.BiasRequest(
        "posts", "boost", 3, np.array([5, 2**64 - 1, 0], "<u8"), np.array([0.5, -1e9, 0], "<f4"))),
    ("reply", p.BiasReply(1_000_000)),
    ("request", p.ForgetBiasesRequest("posts", "boost")),
    ("reply", p.ForgetBiasesReply(True)),
    ("request", p.BiasesRequest("posts", "boost-2")),
    ("reply", p.BiasesReply(2, np.array([5, 2**64 - 1], "<u8"), np.array([0.5, -1e9], "<f4"))),
]
