"""Head files damaged in every way: `python -m tests.model_runtime.flame.mutated COUNT FOLDER` reads that many of them within 4 GB, and
prints as JSON how many were heads, how many were refused in a sentence, what else happened, what was run, and the peak in MB."""

import collections
import io
import json
import pickle
import random
import resource
import struct
import sys
import traceback
import warnings
import zipfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from contract import UtterError
from model_runtime.flame.head import Head, read_head
from tests.model_runtime.flame import stand_ins
from tools.process import peak_memory

MEMORY = 4 << 30
HUGE = (1 << 16, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)
OPCODES = [value[0] for name, value in vars(pickle).items() if name.isupper() and isinstance(value, bytes) and len(value) == 1]
RUN = ("exec", "import", "pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "os.fork", "ctypes.dlopen")


def fields(count=30):
    """The least that FLAME's files hold, of made-up numbers."""
    rng = np.random.default_rng(0)
    weights = rng.random((count, 5))
    return {
        "v_template": rng.normal(size=(count, 3)),
        "f": rng.integers(0, count, (50, 3)).astype(np.uint32),
        "shapedirs": rng.normal(size=(count, 3, 400)).astype(np.float16),
        "posedirs": rng.normal(size=(count, 3, 36)).astype(np.float32),
        "J_regressor": rng.random((5, count)) * (rng.random((5, count)) < 0.3),
        "weights": weights / weights.sum(1, keepdims=True),
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.uint32),
    }


def seeds():
    """Whole files {name: bytes}, of every kind that is read."""
    plain = fields()
    modules = stand_ins.chumpy()
    ch = modules["chumpy.ch"].Ch
    old = plain | {key: ch(x=plain[key].astype(float)) for key in ("v_template", "posedirs", "weights")}
    old["J_regressor"] = sparse.csc_matrix(plain["J_regressor"])
    layouts = [getattr(sparse, f"{layout}_matrix") for layout in ("csr", "coo", "lil", "dok", "bsr", "dia")]
    found = {f"plain{protocol}.pkl": pickle.dumps(plain, protocol) for protocol in range(6)}
    found |= {f"old{protocol}.pkl": stand_ins.python2(modules, old, protocol) for protocol in range(3)}
    found |= {f"{kind.__name__}.pkl": pickle.dumps(plain | {"J_regressor": kind(plain["J_regressor"])}) for kind in layouts}
    for name, values in (("plain.npz", plain), ("objects.npz", {key: stand_ins.boxed(value) for key, value in plain.items()})):
        for save, prefix in ((np.savez, "stored_"), (np.savez_compressed, "packed_")):
            stream = io.BytesIO()
            save(stream, **values)
            found[prefix + name] = stream.getvalue()
    return found


def damaged(data, draw):
    """Some bytes changed, cut, moved, or put as opcodes or huge numbers."""
    data = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 5))):
        at, way = draw.randrange(len(data) or 1), draw.randrange(8)
        if draw.random() < 0.5:
            at = min(at, draw.randrange(400))  # where names and shapes are
        length = draw.choice((1, 2, 8, 100, 10_000))
        if way == 0:
            data[at : at + 1] = bytes([draw.randrange(256)])
        elif way == 1:
            data[at : at + 1] = bytes([data[at] ^ 1 << draw.randrange(8)]) if data else b""
        elif way == 2:
            del data[at:]
        elif way == 3:
            del data[at : at + length]
        elif way == 4:
            data[at:at] = data[draw.randrange(len(data) or 1) :][:length]
        elif way == 5:
            data[at : at + 1] = bytes([draw.choice(OPCODES)])
        elif way == 6:
            data[at : at + 8] = struct.pack("<Q", draw.choice(HUGE))
        else:
            data[at : at + 4] = struct.pack("<I", draw.choice(HUGE) & 0xFFFFFFFF)
    return bytes(data)


def mixed(data, draw):
    """The members of an .npz swapped, left out, doubled, renamed, given another shape or type, or damaged, in a zip that is whole."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    for _ in range(draw.choice((1, 1, 2, 3))):
        a, b, way = draw.randrange(len(members)), draw.randrange(len(members)), draw.randrange(6)
        (name, content), (other, its) = members[a], members[b]
        if way == 0:
            members[a], members[b] = (name, its), (other, content)
        elif way == 1:
            members[a] = draw.choice((other, name + "x", "expressiondirs.npy", "num_betas.npy")), content
        elif way == 2:
            members.append((name, its))
        elif way == 3:
            end = content.find(b"}")
            number = draw.choice((*HUGE, 0, 1, 2, 3, 29, -1))
            changed = content[:end].replace(draw.choice((b"30", b"400", b"3", b"50", b"5", b"()")), str(number).encode(), 1)
            members[a] = (name, changed[:end].ljust(end) + content[end:])
        elif way == 4:
            types = (b"'|O'", b"'<f8'", b"'<c8'", b"'|b1'", b"'<U9'", b"'>i8'", b"'<M8[s]'", b"[('a', '<f4')]")
            members[a] = (name, content.replace(draw.choice(types), draw.choice(types), 1))
        else:
            members[a] = (name, damaged(content, draw))
        if len(members) > 1 and draw.random() < 0.1:
            members.pop(draw.randrange(len(members)))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def run(count, folder):
    whole, outcomes, ran = seeds(), collections.Counter(), set()
    for name, data in whole.items():  # whole, they are heads; and what is imported late is imported
        (folder / name).write_bytes(data)
        assert isinstance(read_head(folder / name), Head), name
    watching = [False]
    sys.addaudithook(lambda event, arguments: ran.add(f"{event} {arguments[:1]}") if watching[0] and event in RUN else None)
    warnings.simplefilter("ignore")  # of zipfile, that a name is there twice
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    @settings(max_examples=count, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(sorted(whole)), st.integers(0, 1 << 40))
    def read(name, seed):
        draw = random.Random(seed)
        data = whole[name]
        change = mixed if name.endswith(".npz") and draw.random() < 0.8 else damaged
        (folder / name).write_bytes(change(data, draw))
        watching[0] = True
        try:
            head = read_head(folder / name)
            outcomes["heads"] += 1
            arrays = [value for value in vars(head).values() if isinstance(value, np.ndarray) and value.dtype.kind == "f"]
            assert head.shapedirs.shape[1:] == (3, 400) and all(np.isfinite(array).all() for array in arrays)
        except UtterError as error:
            outcomes["out of memory" if "MemoryError" in error.detail else "sentences"] += 1
            assert "\n" not in str(error) and str(error).endswith(".")
        except Exception:
            outcomes[f"{name} {seed}: {traceback.format_exc()}"] += 1
        finally:
            watching[0] = False

    read()
    print(json.dumps({**outcomes, "ran": sorted(ran), "megabytes": round(peak_memory("self"))}))


if __name__ == "__main__":
    run(int(sys.argv[1]), Path(sys.argv[2]))
