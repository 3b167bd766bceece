"""Training of the network on motion capture seen by made-up cameras; nothing here is needed to run it."""

from pipeline.estimators.gvhmr.training.exceptions import TrainingDiverged, UnusableTrainingState
from pipeline.estimators.gvhmr.training.trainer import StepLog, Trainer, TrainingConfig

__all__ = ["StepLog", "Trainer", "TrainingConfig", "TrainingDiverged", "UnusableTrainingState"]
