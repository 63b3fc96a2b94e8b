"""Save checkpoints in forked children, kill them, and report as JSON what loads afterwards.

    python tests/kill_checkpoints.py FOLDER KILLS

First every named point of a save (half of each write, every flush, rename and deletion), then KILLS
random moments. A process of its own, since forking pytest with its threads is not sound.
"""

import builtins
import itertools
import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import torch

from dmm_core.system import files
from dmm_core.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint


def checkpoint_of(update):
    tensors = {
        group: {"a": torch.arange(20_000) * 7 + update, "b": torch.tensor(float(update))}
        for group in ("model", "optimiser")
    }
    return Checkpoint(tensors, {"epoch": update // 10, "update": update})


def is_whole(checkpoint):
    wanted = checkpoint_of(checkpoint.scalars["update"])
    return checkpoint.scalars == wanted.scalars and all(
        torch.equal(tensor, wanted.tensors[group][name])
        for group, tensors in checkpoint.tensors.items()
        for name, tensor in tensors.items()
    )


def die_at(point):
    """Kill this process at the point-th step of writing."""
    steps = itertools.count()

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    def before(function):
        def wrapped(*args, **kwargs):
            if next(steps) == point:
                die()
            return function(*args, **kwargs)

        return wrapped

    class HalfWritten:
        def __init__(self, *args):
            self.file = builtins.open(*args)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, content):
            if next(steps) == point:
                self.file.write(content[: len(content) // 2])
                self.file.flush()
                die()
            self.file.write(content)

    files.open = HalfWritten
    os.fsync, os.replace, os.unlink = before(os.fsync), before(os.replace), before(os.unlink)


def named_points(folder):
    outcomes = []
    for point in itertools.count():
        shutil.rmtree(folder, ignore_errors=True)
        for update in (1, 2):
            save_checkpoint(folder, checkpoint_of(update))
        if (child := os.fork()) == 0:
            die_at(point)
            save_checkpoint(folder, checkpoint_of(3))
            os._exit(0)
        survived = os.waitpid(child, 0)[1] == 0
        loaded, skipped = load_checkpoint(folder)
        sound = loaded is not None and is_whole(loaded) and not skipped
        update = loaded.scalars["update"] if sound else 0
        files.delete_temporaries(folder)
        save_checkpoint(folder, checkpoint_of(4))
        left = sorted({int(path.name[:9]) for path in folder.iterdir()})
        outcomes.append({"survived": survived, "update": update, "left": left})
        if survived:
            return outcomes


def random_kills(folder, kills):
    shutil.rmtree(folder, ignore_errors=True)
    acknowledged, lost, torn = 0, 0, 0
    for _ in range(kills):
        reader, writer = os.pipe()
        if (child := os.fork()) == 0:
            for update in itertools.count(acknowledged + 1):
                save_checkpoint(folder, checkpoint_of(update))
                os.write(writer, update.to_bytes(4, "big"))
        os.close(writer)
        time.sleep(random.uniform(0.0, 0.08))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with open(reader, "rb") as pipe:
            if told := pipe.read():
                acknowledged = int.from_bytes(told[-4:], "big")
        torn += any(folder.glob("*.part"))
        files.delete_temporaries(folder)
        loaded, skipped = load_checkpoint(folder)
        if loaded is None:
            lost += acknowledged > 0
        else:
            lost += not is_whole(loaded) or loaded.scalars["update"] < acknowledged or bool(skipped)
            acknowledged = loaded.scalars["update"]
    return {"kills": kills, "lost": lost, "torn": torn, "saved": acknowledged}


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    report = {
        "points": named_points(folder / "points"),
        "random": random_kills(folder / "random", int(sys.argv[2])),
    }
    print(json.dumps(report))
