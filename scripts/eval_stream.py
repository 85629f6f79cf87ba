"""Small items sent into `Ingest` without waiting for an answer: texts of five words by Python's grpcio, as one stream and as
two of one connection, items of a single letter, and files of the same texts by the command (the Rust client).

Every item must be acknowledged, and the resident memory of the server may grow only so much after the first 500. Exit
code 77: grpcio cannot be had here (said aloud).

    eval_stream.py [--items 3000]
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading

import common

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = ["grpcio", "grpcio-tools", "protobuf", "typing_extensions"]
BEFORE = 500  # items after which memory may grow no more
DEADLINE = 600  # seconds a stream may take, which only bounds a hang


def with_grpc():
    """Goes on in an environment that has grpcio, made where it is missing."""
    cache = os.environ.get("CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "sensorium"
    )
    folder = os.path.join(cache, "stream-venv")
    made = subprocess.run([f"{HERE}/venv.sh", folder, f"{HERE}/requirements.txt", *PACKAGES], check=False)
    if made.returncode:
        print("grpcio is not to be had here, so no stream was sent", file=sys.stderr)
        sys.exit(77)
    python = os.path.join(folder, "bin", "python")
    os.execv(python, [python, *sys.argv, "--in-environment"])


def generated(work):
    """The modules made from proto/."""
    folder, protos = os.path.join(work, "pb"), os.path.join(HERE, "..", "proto")
    os.mkdir(folder)
    files = sorted(os.listdir(os.path.join(protos, "sensorium", "v1")))
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", "-I", protos, f"--python_out={folder}", f"--grpc_python_out={folder}"]
        + [os.path.join(protos, "sensorium", "v1", name) for name in files],
        check=True,
    )
    sys.path.insert(0, folder)
    from sensorium.v1 import ingest_pb2, ingest_pb2_grpc  # pylint: disable=import-outside-toplevel

    return ingest_pb2, ingest_pb2_grpc


class Server:
    """A server on a data folder of its own, and what it holds in memory."""

    def __init__(self, data):
        arguments = [common.program(), "serve", "--data", data, "--listen", "127.0.0.1:0", "--json"]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.address = json.loads(self.process.stdout.readline())["address"]

    def resident(self):
        """Bytes of its resident memory."""
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as numbers:
            return int(numbers.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Tally:
    """What came back, and how memory grew after the first items; shared by the streams of a case."""

    def __init__(self, server):
        self.server, self.lock = server, threading.Lock()
        self.results = self.acknowledged = self.first = self.growth = 0

    def result(self):
        with self.lock:
            self.results += 1
            if self.results == BEFORE:
                self.first = self.server.resident()
            elif self.results > BEFORE and self.results % 20 == 0:
                self.grown()

    def grown(self):
        if self.first:
            self.growth = max(self.growth, self.server.resident() - self.first)


def stream(pb, services, channel, texts, tally):
    """Sends all texts at once and reads what comes back."""

    def items():
        yield pb.IngestRequest(start=pb.IngestStart())
        for number, text in enumerate(texts, 1):
            yield pb.IngestRequest(item=pb.IngestItem(sequence=number, parts=[pb.IngestPart(text=text)]))
        yield pb.IngestRequest(stop=pb.IngestStop())

    acknowledged = 0
    for answer in services.IngestServiceStub(channel).Ingest(items(), timeout=DEADLINE):
        if answer.HasField("item_result"):
            tally.result()
        elif answer.HasField("ack"):
            acknowledged = answer.ack.sequence
    with tally.lock:
        tally.acknowledged += acknowledged


def by_python(grpc, generated_modules, streams):
    """Streams of one connection, each a list of texts: the share acknowledged, and the growth in bytes."""
    with tempfile.TemporaryDirectory() as data, Server(data) as server:
        tally, failures = Tally(server), []

        def run(channel, texts):
            try:
                stream(*generated_modules, channel, texts, tally)
            except grpc.RpcError as error:
                failures.append(f"{error.code().name}: {error.details()}")

        with grpc.insecure_channel(server.address) as channel:
            threads = [threading.Thread(target=run, args=(channel, texts)) for texts in streams]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        for failure in failures:
            print(f"a stream was ended: {failure}", file=sys.stderr)
        tally.grown()
        return tally.acknowledged / sum(map(len, streams)), tally.growth


def by_command(texts):
    """The same texts as files, sent by the command."""
    with tempfile.TemporaryDirectory() as work, Server(os.path.join(work, "data")) as server:
        media = os.path.join(work, "media")
        os.mkdir(media)
        for number, text in enumerate(texts):
            with open(os.path.join(media, f"{number}.txt"), "w", encoding="utf-8") as file:
                file.write(text)
        arguments = ["index", media, "--server", f"http://{server.address}", "--json"]
        indexed, tally = 0, Tally(server)
        with subprocess.Popen([common.program(), *arguments], stdout=subprocess.PIPE) as command:
            for line in command.stdout:
                event = json.loads(line)
                if event["event"] == "asset" and event["state"] == "indexed":
                    indexed += 1
                    tally.result()
        tally.grown()
        return indexed / len(texts), tally.growth


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=3000)
    parser.add_argument("--in-environment", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.in_environment:
        with_grpc()
    import grpc  # pylint: disable=import-outside-toplevel

    count = options.items
    texts = [f"note {number} of a boat" for number in range(1, count + 1)]
    half = [[f"{name} note {number} of boats" for number in range(count // 2)] for name in ("one", "two")]
    with tempfile.TemporaryDirectory() as work:
        modules = generated(work)
        found = {
            "python": by_python(grpc, modules, [texts]),
            "two_streams": by_python(grpc, modules, half),
            "letters": by_python(grpc, modules, [["x"] * count]),
            "rust": by_command(texts),
        }
    for name, (acknowledged, growth) in found.items():
        print(f"{name}: {acknowledged:.4f} acknowledged, {growth / 2**20:.1f} MiB more", file=sys.stderr)
    common.report(
        "streams", acknowledged=round(min(share for share, _ in found.values()), 6), items=count,
        growth_mib=round(max(growth for _, growth in found.values()) / 2**20, 2),
    )  # fmt: skip


if __name__ == "__main__":
    main()
