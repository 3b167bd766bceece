"""Turns a refused motion into the cheapest repairs that would save it, each of them run and judged again."""

from pipeline.repair.config import RepairConfig
from pipeline.repair.human import HumanMender
from pipeline.repair.record import Piece, PieceOfVariant, Repairs
from pipeline.repair.robot import RobotMender
from pipeline.repair.search import Diagnosis, Edit, Mender, mend

__all__ = [
    "Diagnosis",
    "Edit",
    "HumanMender",
    "Mender",
    "Piece",
    "PieceOfVariant",
    "RepairConfig",
    "Repairs",
    "RobotMender",
    "mend",
]
