"""Learning from videos: avsound_prepare() and training runs, from libavsound_train."""
from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from . import _abi
from ._native import PRECISIONS, Handle, Progress, callback_type, choice, lib, make, options, path as encoded_path
from .model import Context, Model, PathLike, pointer_of
from .tasks import strings

OBJECTIVES = {"avc": _abi.OBJECTIVE_AVC, "contrastive": _abi.OBJECTIVE_CONTRASTIVE,
              "views-image": _abi.OBJECTIVE_VIEWS_IMAGE, "views-audio": _abi.OBJECTIVE_VIEWS_AUDIO,
              "shift": _abi.OBJECTIVE_SHIFT, "lags": _abi.OBJECTIVE_LAGS, "separate": _abi.OBJECTIVE_SEPARATE,
              "classify": _abi.OBJECTIVE_CLASSIFY}
OPTIMIZERS = {"adam": _abi.OPTIMIZER_ADAM, "momentum": _abi.OPTIMIZER_MOMENTUM}
SCHEDULES = {"paper": _abi.SCHEDULE_PAPER, "cosine": _abi.SCHEDULE_COSINE, "constant": _abi.SCHEDULE_CONSTANT}
SEPARATION_LOSSES = {"auto": _abi.SEPARATION_AUTO, "ordered": _abi.SEPARATION_ORDERED, "either": _abi.SEPARATION_EITHER,
                     "both": _abi.SEPARATION_BOTH}
EVENTS = {_abi.TRAINING_STEP: "step", _abi.TRAINING_EPOCH: "epoch", _abi.TRAINING_HEALTH: "health",
          _abi.TRAINING_SAVED: "saved"}
FLAGS = (_abi.CLIP_BROKEN, _abi.CLIP_NO_VIDEO, _abi.CLIP_NO_AUDIO, _abi.CLIP_SHORT, _abi.CLIP_UNEQUAL, _abi.CLIP_STILL,
         _abi.CLIP_SILENT, _abi.CLIP_DUPLICATE)


@dataclass(frozen=True)
class TrainingState:
    """Where a run stands, as in avsound_training_state."""

    event: str  # "step", "epoch", "health" or "saved"
    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float
    mean_loss: float
    mean_accuracy: float
    learning_rate: float
    gradient_norm: float
    seconds: float
    waited: float
    validation_loss: float
    validation_accuracy: float
    validation_auc: float
    validation_error: float
    best_accuracy: float
    best_epoch: int
    rank: int
    message: str  # of "health": what looks wrong


def state_of(pointer: Any) -> TrainingState:
    values = pointer.contents.values()
    values["event"] = EVENTS.get(values["event"], str(values["event"]))
    return TrainingState(**{field.name: values.get(field.name, "") for field in fields(TrainingState)})


def training_options(struct_options: dict[str, Any]) -> Any:
    """Options as in avsound_trainer_options; words instead of constants, a dict or None for `augmentation`."""
    values = dict(struct_options)
    for name, kind in (("objective", OBJECTIVES), ("precision", PRECISIONS), ("optimizer", OPTIMIZERS),
                       ("schedule", SCHEDULES), ("separation_loss", SEPARATION_LOSSES)):
        if name in values:
            values[name] = choice(name, values[name], kind)
    if values.get("augmentation") is not None:
        values["augmentation"] = ctypes.pointer(_abi.avsound_augmentation(**values["augmentation"]))
    return options(_abi.avsound_trainer_options, **values)


class Trainer(Handle):
    """A training run in a folder of its own, which holds its checkpoint, models, log and curves. One thread at a time.

    `init` is a model whose architecture and first weights it begins with, `data` a folder made by prepare(). Options as in
    avsound_trainer_options, with words such as objective="contrastive". `progress` is called with a TrainingState after each
    step and epoch; if its result is true, or Ctrl-C was pressed, the run is saved and run() ends.
    """

    def __init__(self, init: Model, data: PathLike, folder: PathLike, *,
                 progress: Callable[[TrainingState], object] | None = None, context: Context | None = None,
                 **training: Any) -> None:
        first = init._pointer
        self._begin(lib.avsound_trainer_create, (first, encoded_path(data), encoded_path(folder)), progress, context,
                    training)

    @classmethod
    def resume(cls, folder: PathLike, *, progress: Callable[[TrainingState], object] | None = None,
               context: Context | None = None, **training: Any) -> Trainer:
        """Goes on where a run's checkpoint stands. Of the options only a few count; avsound/train.h says which."""
        trainer = cls.__new__(cls)
        trainer._begin(lib.avsound_trainer_resume, (encoded_path(folder),), progress, context, training)
        return trainer

    def _begin(self, function: Any, arguments: tuple, progress: Any, context: Context | None, training: dict) -> None:
        struct, parent = training_options(training), pointer_of(context)
        self._progress = Progress(callback_type(_abi.avsound_trainer_options, "progress"), progress, state_of)
        struct.progress = self._progress.callback
        trainer = make(_abi.avsound_trainer, function, parent, *arguments, struct, keeps=(parent,))
        # Not among what is kept for freeing: a function that knows its trainer would keep it for ever.
        trainer.progress = self._progress.callback
        Handle.__init__(self, trainer)

    def run(self) -> None:
        """Trains to the last epoch, or until patience ends. Raises CancelledError if `progress` stopped it, and what that
        raised."""
        with self._locked() as trainer, self._progress.reraised():
            lib.avsound_trainer_run(trainer)

    def sheet(self, path: PathLike) -> None:
        """Draws the next batch as the network sees it, into a .png file."""
        with self._locked() as trainer:
            lib.avsound_trainer_sheet(trainer, encoded_path(path))

    @property
    def state(self) -> TrainingState:
        with self._locked() as trainer:
            return state_of(lib.avsound_trainer_state(trainer))

    def model(self) -> Model:
        """The weights of now, averaged where the run averages."""
        with self._locked() as trainer:
            return Model._of(make(_abi.avsound_model, lib.avsound_trainer_model, trainer, keeps=trainer.keeps, shared=True))


@dataclass(frozen=True)
class PreparedClip:
    """One source of prepare(), and what became of it, as in avsound_prepared_clip."""

    flags: list[str]  # what speaks against learning from it: "still", "silent", ...
    kept: int
    frames: int
    width: int
    height: int
    samples: int
    video_seconds: float
    audio_seconds: float
    moving: float
    audible: float
    level_db: float
    source: str
    file: str
    group: str
    duplicate_of: str
    error: str


def clip_of(struct: Any) -> PreparedClip:
    values = struct.values()
    values["flags"] = [lib.avsound_clip_flag_name(bit).decode() for bit in FLAGS if struct.flags & bit]
    return PreparedClip(**{field.name: values[field.name] for field in fields(PreparedClip)})


@dataclass(frozen=True)
class PrepareState:
    """Where a call of prepare() stands; `clip` is the one just done, or None."""

    total: int
    done: int
    kept: int
    flagged: int
    seconds: float
    clip: PreparedClip | None


def prepare_state_of(pointer: Any) -> PrepareState:
    state = pointer.contents
    return PrepareState(state.total, state.done, state.kept, state.flagged, state.seconds,
                        clip_of(state.clip.contents) if state.clip else None)


def prepare(paths: Sequence[PathLike], folder: PathLike, *, progress: Callable[[PrepareState], object] | None = None,
            context: Context | None = None, **preparing: Any) -> list[PreparedClip]:
    """Turns videos into files that are fast to learn from, and says what speaks against some. Options as in
    avsound_prepare_options. `progress` may be called from any thread; if its result is true, the work stops with
    CancelledError, and the next call goes on from there."""
    struct = options(_abi.avsound_prepare_options, **preparing)
    watched = Progress(callback_type(_abi.avsound_prepare_options, "progress"), progress, prepare_state_of)
    struct.progress = watched.callback
    with watched.reraised():
        report = make(_abi.avsound_prepare_report, lib.avsound_prepare, pointer_of(context),
                      strings([encoded_path(p) for p in paths]), len(paths), encoded_path(folder), struct, shared=True)
    found = []
    for i in range(lib.avsound_prepare_report_count(report)):
        clip = _abi.avsound_prepared_clip()
        lib.avsound_prepare_report_clip(report, i, ctypes.byref(clip))
        found.append(clip_of(clip))
    return found
