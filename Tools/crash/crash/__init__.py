"""What vecd must survive, tried: crashes at every point, kills, power cuts, failing system calls, full disks.

`model` says what must be there, `workload` does it on a daemon, the other modules break it. See Tools/crash/README.md.
"""
