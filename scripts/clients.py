#!/usr/bin/env python3
"""Asks a server as a stranger's program would: grpcio, with what reflection tells and nothing of ours.

usage: clients.py HOST:PORT
"""
import sys

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.json_format import MessageToDict, ParseDict
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

PACKAGE = "sensorium.v1"


class Server:
    """Calls by name, with messages as dictionaries."""

    def __init__(self, address):
        self.channel = grpc.insecure_channel(address)
        self.reflection = ProtoReflectionDescriptorDatabase(self.channel)
        self.pool = descriptor_pool.DescriptorPool(self.reflection)

    def services(self):
        return sorted(self.reflection.get_services())

    def call(self, rpc, message, timeout=20):
        service, name = rpc.split("/")
        method = self.pool.FindServiceByName(f"{PACKAGE}.{service}").FindMethodByName(name)
        asked, answered = (message_factory.GetMessageClass(kind) for kind in (method.input_type, method.output_type))
        stub = self.channel.unary_stream if method.server_streaming else self.channel.unary_unary
        call = stub(
            f"/{PACKAGE}.{service}/{name}",
            request_serializer=asked.SerializeToString,
            response_deserializer=answered.FromString,
        )
        answer = call(ParseDict(message, asked()), timeout=timeout)
        if method.server_streaming:
            return [MessageToDict(one, preserving_proto_field_name=True) for one in answer]
        return MessageToDict(answer, preserving_proto_field_name=True)


def main():
    server = Server(sys.argv[1])
    services = server.services()
    ours = [name for name in services if name.startswith(PACKAGE)]
    assert len(ours) >= 9 and "grpc.health.v1.Health" in services, services
    hits = server.call("QueryService/Query", {"terms": [{"text": "a dog on the grass"}], "limit": 3})["hits"]
    best = hits[0]["asset_id"]
    assert len(hits) == 3 and hits[0]["path"].endswith("dog_on_grass.jpg"), hits
    video = server.call("QueryService/Query", {"terms": [{"text": "waves"}], "modalities": ["MODALITY_VIDEO"]})["hits"][0]
    calls = {
        "AdminService/Info": {},
        "AdminService/Stats": {},
        "AdminService/ListFailures": {},
        "AdminService/Verify": {},
        "CollectionsService/ListCollections": {},
        "CollectionsService/GetCollection": {},
        "CollectionsService/ListFieldIndexes": {},
        "CollectionsService/ListAliases": {},
        "QueryService/Count": {"filter_text": "width > 0"},
        "QueryService/Scroll": {"limit": 2},
        "QueryService/QueryBatch": {"queries": [{"terms": [{"asset_id": best}]}]},
        "QueryService/ScoreAsset": {"asset_id": video["asset_id"], "terms": [{"text": "waves"}]},
        "PointsService/Get": {"asset_ids": [best]},
        "PointsService/GetThumbnail": {"point": {"asset_id": best}},
        "PointsService/GetMedia": {"asset_id": best},
        "PointsService/Peaks": {"asset_id": video["asset_id"], "buckets": 10},
        "PointsService/SetPayload": {
            "selector": {"ids": {"asset_ids": [best]}}, "payload": {"seen": {"bool_value": True}},
        },
        "PointsService/DeletePayload": {"selector": {"ids": {"asset_ids": [best]}}, "fields": ["seen"]},
        "EmbedService/Embed": {"inputs": [{"text": "dog"}]},
        "CaptionService/Caption": {"input": {"asset_id": best}},
        "KeysService/ListKeys": {},
    }
    for rpc, message in calls.items():
        answer = server.call(rpc, message)
        assert answer is not None, rpc
    media = b"".join(__import__("base64").b64decode(part["chunk"]) for part in server.call("PointsService/GetMedia", {"asset_id": best}))
    assert media.startswith(b"\xff\xd8"), "a JPEG"
    try:
        server.call("PointsService/GetThumbnail", {"point": {"asset_id": "none"}})
        raise AssertionError("an unknown asset has a thumbnail")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND, error
    print(f"grpcio by reflection: {len(ours)} services, {len(calls)} calls answer")


if __name__ == "__main__":
    main()
