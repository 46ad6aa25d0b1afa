"""What a running process has used, as the system tells: memory and processor time."""

import os
from pathlib import Path


def peak_memory(process):
    """The most memory that a process ("self": this one) has held, in MB; None where the system does not tell. The resource module counts
    what the process held that started it, too."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return None
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def processor_time(process):
    """Seconds of all its processors that a process has used; None where the system does not tell."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
