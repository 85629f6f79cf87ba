"""`make bench-index`: the index beside the libraries and databases that people would embed instead.

| file | holds |
| --- | --- |
| `__main__.py` | the command line |
| `figures.py` | arithmetic: QPS at a recall, medians, bootstrap, pairs, noise. Plain Python |
| `systems.py` | what is measured: names, settings, grids, and how each side is started. Plain Python |
| `protocol.py` | a side behind a pipe: a command a line, an answer a line. Plain Python |
| `data.py` | data sets and their exact answers |
| `peer.py`, `peers.py` | a peer's side of the pipe, and the libraries |
| `databases.py` | the same for databases that run in process |
| `measure.py` | curves, and rounds in which sides take turns |
| `dbmeasure.py` | what is asked of databases: filters, durable writes, reopening, disk |
| `kernel.py` | the fixed work that tells whether the machine was quiet |
| `report.py` | tables and plots in docs/performance.md. Plain Python |
"""
