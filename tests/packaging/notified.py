"""Waits like a service manager for READY=1 (sd_notify): notified.py SOCKET SECONDS; exit status 0 when it came."""

import socket
import sys

path, seconds = sys.argv[1], float(sys.argv[2])
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.settimeout(seconds)
listener.bind(path)
try:
    while "READY=1" not in listener.recv(4096).decode().splitlines():
        pass
except TimeoutError:
    sys.exit(1)
